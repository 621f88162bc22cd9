package dockertest

import (
	"os"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// busyboxPath is where Debian's package busybox-static puts its one program.
const busyboxPath = "/bin/busybox"

// Busybox makes an image with a shell and the commands named, in /bin. Without
// a command it runs a shell, which ends at once, as alpine does.
func Busybox(t testing.TB, commands ...string) v1.Image {
	t.Helper()
	program, err := os.ReadFile(busyboxPath)
	if err != nil {
		t.Fatalf("this test needs a static busybox: install the package busybox-static (%v)", err)
	}
	files := []file{
		{name: "bin/", mode: 0o755}, {name: "tmp/", mode: 0o1777},
		{name: "bin/busybox", mode: 0o755, data: program},
	}
	for _, command := range append([]string{"sh"}, commands...) {
		files = append(files, file{name: "bin/" + command, mode: 0o777, link: "busybox"})
	}
	image, err := mutate.AppendLayers(empty.Image, layer(t, files...))
	if err != nil {
		t.Fatalf("layers of the busybox image: %v", err)
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH,
		RootFS: v1.RootFS{Type: "layers", DiffIDs: diffIDs(t, image)},
		Config: v1.Config{Cmd: []string{"/bin/sh"}, Env: []string{"PATH=/bin"}},
	})
	if err != nil {
		t.Fatalf("configuration of the busybox image: %v", err)
	}
	return image
}

func diffIDs(t testing.TB, image v1.Image) []v1.Hash {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatalf("configuration of the busybox image: %v", err)
	}
	return config.RootFS.DiffIDs
}
