// Package docker drives a Docker Engine, from API 1.41 (Docker 20.10) on, or
// anything that speaks its API.
package docker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/client"
)

// minAPI is the oldest Engine API that the driver was written for.
const minAPI = "1.41"

// defaultPullStall is how long a pull may say nothing at all. Docker reports
// twice a second while bytes flow, and waits for a silent registry for ever.
const defaultPullStall = 2 * time.Minute

// Options are the settings of a Driver.
type Options struct {
	// Host is the address of the Docker Engine, such as
	// unix:///var/run/docker.sock. Empty: DOCKER_HOST, else the local socket.
	Host string
	// Keychain has the credentials for registries; nil: those of the user's
	// Docker configuration.
	Keychain authn.Keychain
	// PullStall is how long a pull may make no progress; 0: two minutes.
	PullStall time.Duration
	// Log, if not nil, gets what nobody can be told otherwise.
	Log *slog.Logger
}

// Driver is a driver.Driver over the Docker Engine API.
type Driver struct {
	options []client.Opt
	host    string
	keys    authn.Keychain
	stall   time.Duration
	log     *slog.Logger
	cache   cache
	pulls   pulls

	connecting chan struct{} // held by the one that connects
	mu         sync.Mutex
	api        *client.Client // nil: not connected
}

var _ driver.Driver = (*Driver)(nil)

// New returns a driver. It does not connect yet: the Docker Engine may be away,
// and may come back at any time.
func New(options Options) (*Driver, error) {
	opts := []client.Opt{client.FromEnv}
	if options.Host != "" {
		opts = append(opts, client.WithHost(options.Host))
	}
	probe, err := client.New(opts...)
	if err != nil {
		return nil, graft.WrapError(graft.CodeInvalid, err,
			"the Docker host %q can't be used: write it like unix:///var/run/docker.sock or tcp://127.0.0.1:2375", options.Host)
	}
	defer func() { _ = probe.Close() }()
	d := &Driver{
		options:    opts,
		host:       probe.DaemonHost(),
		keys:       options.Keychain,
		stall:      cmp.Or(options.PullStall, defaultPullStall),
		log:        options.Log,
		connecting: make(chan struct{}, 1),
	}
	if d.keys == nil {
		d.keys = authn.DefaultKeychain
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if scheme, _, _ := strings.Cut(d.host, "://"); scheme != "unix" && scheme != "tcp" && scheme != "http" && scheme != "https" && scheme != "npipe" {
		return nil, graft.Errorf(graft.CodeInvalid,
			"the Docker host %q can't be used: only unix:// and tcp:// addresses can (for ssh, forward the socket)", withoutUser(d.host))
	}
	return d, nil
}

// Close drops the connections to the Docker Engine. The driver may be used
// again, and then connects again.
func (d *Driver) Close() error {
	d.disconnect(nil)
	return nil
}

// Info implements driver.Driver.
func (d *Driver) Info(ctx context.Context) (driver.Info, error) {
	api, err := d.connect(ctx)
	if err != nil {
		return driver.Info{}, err
	}
	version, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return driver.Info{}, d.failed(api, err, "Docker's version can't be read")
	}
	return driver.Info{
		Name:       "docker",
		Version:    version.Version,
		APIVersion: api.ClientVersion(),
		Platform:   version.Os + "/" + version.Arch,
	}, nil
}

// connect returns a client that has agreed with the Docker Engine on a version
// of the API. Only the first call, and the first one after a failure, asks.
func (d *Driver) connect(ctx context.Context) (*client.Client, error) {
	if api := d.connected(); api != nil {
		return api, nil
	}
	select {
	case d.connecting <- struct{}{}:
		defer func() { <-d.connecting }()
	case <-ctx.Done():
		return nil, d.failed(nil, ctx.Err(), "connecting to Docker")
	}
	if api := d.connected(); api != nil {
		return api, nil
	}
	// A new client, since an old one never goes back to a newer API.
	api, err := client.New(d.options...)
	if err != nil {
		return nil, graft.WrapError(graft.CodeInternal, err, "the Docker host %s can't be used", withoutUser(d.host))
	}
	if err := d.negotiate(ctx, api); err != nil {
		_ = api.Close()
		return nil, err
	}
	d.mu.Lock()
	d.api = api
	d.mu.Unlock()
	return api, nil
}

func (d *Driver) negotiate(ctx context.Context, api *client.Client) error {
	ping, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if ping.APIVersion != "" && older(ping.APIVersion, minAPI) {
		return graft.Errorf(graft.CodeUpstream, "Docker at %s speaks only API %s: update it to Docker 20.10 or later, which speaks %s",
			withoutUser(d.host), ping.APIVersion, minAPI)
	}
	if err != nil {
		return d.failed(nil, err, "connecting to Docker")
	}
	return nil
}

// older compares API versions such as 1.41.
func older(a, b string) bool {
	number := func(v string) int {
		major, minor, _ := strings.Cut(v, ".")
		m, _ := strconv.Atoi(major)
		n, _ := strconv.Atoi(minor)
		return m*1000 + n
	}
	return number(a) < number(b)
}

func (d *Driver) connected() *client.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.api
}

// disconnect forgets a client (nil: whichever it is), so that the next call
// connects and negotiates anew.
func (d *Driver) disconnect(api *client.Client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.api != nil && (api == nil || api == d.api) {
		_ = d.api.Close()
		d.api = nil
	}
}

// isHex tells whether Docker could take a name for the beginning of an id.
func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}

// unixTime is how the API wants to be told a time; "" is the zero one.
func unixTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// withoutUser is an address without the user and password that it may hold.
func withoutUser(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		scheme, rest = "", address
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		return scheme + "://…" + rest[at:]
	}
	return address
}
