package docker_test

import (
	"net"
	"testing"

	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/driver/docker"
	"github.com/graftplatform/graft/internal/driver/drivertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	app := dockertest.NewImage(t)
	exiting := dockertest.NewImage(t, "EXIT_AFTER=50ms", "EXIT_CODE=3")
	host := dockertest.Registry(t)
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		return drivertest.Harness{
			Driver:     newDriver(t, docker.Options{}),
			Prefix:     dockertest.Name(t),
			Image:      app.Ref,
			Exiting:    exiting.Ref,
			Missing:    host + "/none@sha256:429f4291111111111111111111111111111111111111111111111111111111ef",
			HealthTest: []string{"CMD", "/app", "-healthcheck"},
			FreePort:   func() uint16 { return freePort(t) },
		}
	})
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
