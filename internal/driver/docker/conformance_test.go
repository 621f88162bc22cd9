package docker_test

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"

	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/driver/docker"
	"github.com/graftplatform/graft/internal/driver/drivertest"
	"github.com/moby/moby/api/types/network"
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
			Subnet:     func(name string) string { return createSubnet(t, name) },
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

// createSubnet makes a network in which addresses can be configured and returns
// one of them. Other networks, and other tests, may have any subnet, so it tries
// until Docker takes one.
func createSubnet(t *testing.T, name string) string {
	t.Helper()
	const tries = 30
	var err error
	for range tries {
		subnet := netip.AddrFrom4([4]byte{10, byte(200 + rand.IntN(50)), byte(rand.IntN(256)), 0})
		ipam := &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.PrefixFrom(subnet, 24)}}}
		if _, err = dockertest.Client(t).NetworkCreate(t.Context(), name, client.NetworkCreateOptions{IPAM: ipam}); err == nil {
			address := subnet.As4()
			address[3] = 7
			return netip.AddrFrom4(address).String()
		}
	}
	t.Fatal(err)
	return ""
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

// freePort is dockertest.FreePort as drivers have ports.
func freePort(t *testing.T) uint16 {
	t.Helper()
	port, err := strconv.ParseUint(dockertest.FreePort(t), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(port)
}
