package dockertest

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	_ "embed" // the program's source
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is an image in a registry, under its two names.
type Image struct {
	Ref string // repository@digest
	Tag string // repository:tag
}

// NewImage pushes the test image to a registry of its own and returns its names.
// The environment, as NAME=value, becomes part of the image; the source of its
// program, testdata/app/main.go, says what it understands.
func NewImage(t testing.TB, environment ...string) Image {
	t.Helper()
	return Push(t, Build(t, environment...), Registry(t)+"/app:1")
}

// Registry serves an empty registry on a free port of 127.0.0.1 until the test
// ends, and returns its host:port. Containers and images that came from it are
// removed with it.
func Registry(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	Sweep(t, host)
	return host
}

// Sweep removes, when the test ends, the images that Docker has from a registry
// and their containers. Tests that serve a registry of their own call it.
func Sweep(t testing.TB, host string) {
	t.Helper()
	api := Client(t)
	t.Cleanup(func() { sweepImages(t, api, host+"/") })
}

// Push puts an image into a registry as repository:tag.
func Push(t testing.TB, image v1.Image, tag string) Image {
	t.Helper()
	reference, err := name.NewTag(tag)
	if err != nil {
		t.Fatalf("the test image can't be called %s: %v", tag, err)
	}
	if err := remote.Write(reference, image, remote.WithContext(t.Context())); err != nil {
		t.Fatalf("push of the test image: %v", err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatalf("digest of the test image: %v", err)
	}
	return Image{Ref: reference.Context().Digest(digest.String()).String(), Tag: reference.String()}
}

// Build makes the test image: FROM scratch, with the program as /app and an
// empty /tmp. No two images share a layer, so that a pull has all the work.
func Build(t testing.TB, environment ...string) v1.Image {
	t.Helper()
	program, err := buildProgram()
	if err != nil {
		t.Fatalf("the program of the test image does not build: %v", err)
	}
	unique := layer(t, file{name: "unique", mode: 0o644, data: []byte(rand.Text())}, file{name: "tmp/", mode: 0o1777})
	image, err := mutate.AppendLayers(empty.Image, unique, layer(t, file{name: "app", mode: 0o755, data: program}))
	if err != nil {
		t.Fatalf("layers of the test image: %v", err)
	}
	image, err = mutate.ConfigFile(image, withConfig(image, environment))
	if err != nil {
		t.Fatalf("configuration of the test image: %v", err)
	}
	return image
}

func withConfig(image v1.Image, environment []string) *v1.ConfigFile {
	config, err := image.ConfigFile()
	if err != nil {
		panic(err) // an image built in memory always has one
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{
		Entrypoint:   []string{"/app"},
		Env:          append([]string{"PATH=/"}, environment...),
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
	}
	return config
}

type file struct {
	name string // a directory's ends with a slash
	mode int64
	data []byte
	link string // of a symbolic link: where it leads
}

func layer(t testing.TB, files ...file) v1.Layer {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Typeflag: tar.TypeReg}
		switch {
		case f.link != "":
			header.Typeflag, header.Linkname = tar.TypeSymlink, f.link
		case strings.HasSuffix(f.name, "/"):
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

//go:embed testdata/app/main.go
var programSource []byte

// buildProgram compiles the program once a process: it takes a second and all
// tests use the same one.
var buildProgram = sync.OnceValues(func() ([]byte, error) {
	directory, err := os.MkdirTemp("", "dockertest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	source := filepath.Join(directory, "main.go")
	if err := os.WriteFile(source, programSource, 0o600); err != nil {
		return nil, err
	}
	// A directory outside of any module, so that only the standard library is
	// there and no flag of the module's build applies.
	command := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", "app", source)
	command.Dir = directory
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH, "GOWORK=off", "GOFLAGS=")
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, output)
	}
	return os.ReadFile(filepath.Join(directory, "app"))
})
