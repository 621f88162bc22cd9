package docker_test

import (
	"net"
	"testing"

	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/driver/docker"
	"github.com/graftplatform/graft/internal/driver/drivertest"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	app := dockertest.NewImage(t)
	exiting := dockertest.NewImage(t, "EXIT_AFTER=50ms", "EXIT_CODE=3")
	host := dockertest.Registry(t)
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		api := dockertest.Client(t)
		h := drivertest.Harness{
			Driver:     newDriver(t, docker.Options{}),
			Prefix:     dockertest.Name(t),
			Image:      app.Ref,
			Exiting:    exiting.Ref,
			Missing:    host + "/none@sha256:429f4291111111111111111111111111111111111111111111111111111111ef",
			HealthTest: []string{"CMD", "/app", "-healthcheck"},
			FreePort:   func() uint16 { return freePort(t) },
			OwnImage: func() (string, func()) {
				own := dockertest.NewImage(t)
				return own.Ref, func() { removeImage(t, own.Ref) }
			},
		}
		if versions.LessThan(api.ClientVersion(), "1.44") {
			h.SecondNetwork = func(name string) { createNetwork(t, client.NetworkCreateOptions{}, name) }
		}
		return h
	})
}

// createNetwork makes a network, without the driver and so whether or not there
// is one of that name.
func createNetwork(t *testing.T, options client.NetworkCreateOptions, name string) {
	t.Helper()
	if _, err := dockertest.Client(t).NetworkCreate(t.Context(), name, options); err != nil {
		t.Fatal(err)
	}
}

func removeImage(t *testing.T, ref string) {
	t.Helper()
	if _, err := dockertest.Client(t).ImageRemove(t.Context(), ref, client.ImageRemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
}

func newDriver(t *testing.T, options docker.Options) *docker.Driver {
	t.Helper()
	d, err := docker.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// freePort returns a TCP port that was free a moment ago.
func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}
