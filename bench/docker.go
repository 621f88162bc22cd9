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
)

// pushHello builds the example hello, pushes it as an image of one layer and
// returns the image's name.
func pushHello(ctx context.Context, dir, registry string) (string, error) {
	path := filepath.Join(dir, "hello")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./examples/hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./examples/hello: %w\n%s", err, output)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	layer, err := programLayer("hello", program)
	if err != nil {
		return "", err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return "", err
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH,
		Config: v1.Config{Entrypoint: []string{"/hello"}},
		RootFS: rootFS(layer),
	})
	if err != nil {
		return "", err
	}
	reference, err := name.NewTag(registry + "/hello:1")
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

// sweep removes the containers, the network and the images of this run.
func (b *bench) sweep(ctx context.Context) error {
	var failed []error
	containers, err := b.docker.ContainerList(ctx, docker.ContainerListOptions{
		All: true, Filters: docker.Filters{}.Add("network", b.name),
	})
	failed = append(failed, err)
	for _, c := range containers.Items {
		_, err := b.docker.ContainerRemove(ctx, c.ID, docker.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		failed = append(failed, err)
	}
	_, err = b.docker.NetworkRemove(ctx, b.name, docker.NetworkRemoveOptions{})
	failed = append(failed, err)
	if b.server != nil {
		failed = append(failed, b.sweepImages(ctx, b.server.registry+"/"))
	}
	return errors.Join(slices.DeleteFunc(failed, errdefs.IsNotFound)...)
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
