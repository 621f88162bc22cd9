package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	docker "github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// pushProgram builds a program of this module, pushes it as an image of one
// layer and returns the image's name.
func pushProgram(ctx context.Context, dir, registry, source string) (string, error) {
	program := filepath.Base(source)
	path := filepath.Join(dir, program)
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", source, err, output)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	layer, err := programLayer(program, content)
	if err != nil {
		return "", err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return "", err
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH,
		Config: v1.Config{Entrypoint: []string{"/" + program}},
		RootFS: rootFS(layer),
	})
	if err != nil {
		return "", err
	}
	reference, err := name.NewTag(registry + "/" + program + ":1")
	if err != nil {
		return "", err
	}
	return reference.String(), remote.Write(reference, image, remote.WithContext(ctx))
}

func rootFS(layer v1.Layer) v1.RootFS {
	fs := v1.RootFS{Type: "layers"}
	if id, err := layer.DiffID(); err == nil {
		fs.DiffIDs = []v1.Hash{id}
	}
	return fs
}

// programLayer is a layer of one executable file.
func programLayer(path string, program []byte) (v1.Layer, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	})
}

// sweep removes the containers, the networks and the images of this run: those
// of what it left out, or was killed in the middle of, as well.
func (b *bench) sweep(ctx context.Context) error {
	var failed []error
	containers, err := b.docker.ContainerList(ctx, docker.ContainerListOptions{
		All: true, Filters: docker.Filters{}.Add("name", b.name),
	})
	failed = append(failed, err)
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, c := range containers.Items {
		group.Go(func() error {
			if err := b.discard(ctx, c.ID); !errdefs.IsNotFound(err) {
				return err
			}
			return nil
		})
	}
	failed = append(failed, group.Wait())
	networks, err := b.docker.NetworkList(ctx, docker.NetworkListOptions{})
	failed = append(failed, err)
	for _, n := range networks.Items {
		if b.owns(n.Name, n.Labels) {
			_, err := b.docker.NetworkRemove(ctx, n.ID, docker.NetworkRemoveOptions{})
			failed = append(failed, err)
		}
	}
	if b.server != nil {
		failed = append(failed, b.sweepImages(ctx, b.server.registry+"/"))
	}
	return errors.Join(slices.DeleteFunc(failed, errdefs.IsNotFound)...)
}

// owns is whether a network is of this run: its name or a label says so.
func (b *bench) owns(name string, labels map[string]string) bool {
	if strings.Contains(name, b.name) {
		return true
	}
	for _, value := range labels {
		if strings.Contains(value, b.name) {
			return true
		}
	}
	return false
}

func (b *bench) sweepImages(ctx context.Context, prefix string) error {
	images, err := b.docker.ImageList(ctx, docker.ImageListOptions{})
	if err != nil {
		return err
	}
	for _, image := range images.Items {
		for _, reference := range slices.Concat(image.RepoTags, image.RepoDigests) {
			if !strings.HasPrefix(reference, prefix) {
				continue
			}
			if _, err := b.docker.ImageRemove(ctx, reference, docker.ImageRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}
