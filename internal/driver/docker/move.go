package docker

import (
	"context"
	"encoding/json"
	"net"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// freePoll is how often is asked whether ports are free yet. Nobody tells.
const freePoll = 2 * time.Millisecond

// Move implements driver.Driver. Docker frees the ports of a container that
// leaves long before it is done with it, and publishes those of one that joins
// as the last thing: so the two go on side by side.
func (d *Driver) Move(ctx context.Context, from, to string, endpoint driver.Endpoint, record json.RawMessage) error {
	m, err := d.newMove(ctx, from, to, endpoint, record)
	if err != nil {
		return err
	}
	if m == nil {
		return d.moveInTurn(ctx, from, to, endpoint, record)
	}
	defer d.cache.changed(m.from.ID)
	defer d.cache.changed(m.to.ID)
	left := make(chan error, 1)
	go func() { left <- d.leave(ctx, m.api, m.from.ID, endpoint.Network) }()
	leaveErr, gone := m.untilFree(left)
	if gone && leaveErr != nil {
		return leaveErr
	}
	joinErr := d.join(ctx, m.api, m.to.ID, m.network.ID, endpoint.Network, m.settings)
	if !gone {
		leaveErr = <-left
	}
	if joinErr == nil {
		return leaveErr
	}
	d.undoJoin(ctx, m.api, m.to.ID, endpoint.Network)
	if leaveErr != nil {
		return leaveErr
	}
	return d.moveInTurn(ctx, from, to, endpoint, record) // once more, now that the ports are free for sure
}

// moveInTurn is a move one step after the other.
func (d *Driver) moveInTurn(ctx context.Context, from, to string, endpoint driver.Endpoint, record json.RawMessage) error {
	if err := d.Disconnect(ctx, from, endpoint.Network); err != nil {
		return err
	}
	if len(record) > 0 {
		return d.Reconnect(ctx, to, record, endpoint.Network)
	}
	return d.Connect(ctx, to, endpoint)
}

// move is everything that is to be known before an endpoint moves.
type move struct {
	api      *client.Client
	from, to *container.InspectResponse
	network  *network.Summary
	settings *network.EndpointSettings
	ports    []driver.Port // that from publishes on this host
}

// newMove finds it out; nil if the steps have to be taken in turn.
func (d *Driver) newMove(ctx context.Context, from, to string, endpoint driver.Endpoint, record json.RawMessage) (*move, error) {
	if !d.PublishesHere() {
		return nil, nil //nolint:nilnil // nothing to say
	}
	api, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	m := &move{api: api}
	if m.settings, err = moveSettings(to, endpoint, record); err != nil {
		return nil, err
	}
	var leaving, coming client.ContainerInspectResult
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		leaving, err = api.ContainerInspect(groupCtx, from, client.ContainerInspectOptions{})
		return err
	})
	group.Go(func() (err error) {
		coming, err = api.ContainerInspect(groupCtx, to, client.ContainerInspectOptions{})
		return err
	})
	group.Go(func() (err error) {
		m.network, err = d.findNetwork(groupCtx, api, endpoint.Network)
		return err
	})
	if group.Wait() != nil {
		return nil, nil //nolint:nilerr,nilnil // the steps in turn say it better
	}
	m.from, m.to = &leaving.Container, &coming.Container
	if m.from.HostConfig != nil {
		m.ports = ports(m.from.HostConfig.PortBindings)
	}
	able := running(m.from) && running(m.to) && endpointOf(m.from, endpoint.Network) != nil && endpointOf(m.to, endpoint.Network) == nil
	if !able || len(m.ports) == 0 || m.settings.IPAMConfig != nil {
		return nil, nil //nolint:nilnil // nothing to gain, or more to check
	}
	return m, nil
}

func moveSettings(to string, endpoint driver.Endpoint, record json.RawMessage) (*network.EndpointSettings, error) {
	if len(record) == 0 {
		return settings(endpoint)
	}
	return recordedSettings(to, record, endpoint.Network)
}

// untilFree returns when all ports are free, or with the answer to leaving and
// true if that came first.
func (m *move) untilFree(left <-chan error) (error, bool) { //nolint:revive // the error is an answer, not a failure of asking
	tick := time.NewTicker(freePoll)
	defer tick.Stop()
	for {
		select {
		case err := <-left:
			return err, true
		case <-tick.C:
		}
		if m.free() {
			return nil, false
		}
	}
}

// free is whether this process could have all the ports.
func (m *move) free() bool {
	for _, p := range m.ports {
		if p.HostPort != 0 && !available(p) {
			return false
		}
	}
	return true
}

func available(p driver.Port) bool {
	address := net.JoinHostPort(p.HostIP, strconv.Itoa(int(p.HostPort)))
	var config net.ListenConfig
	switch p.Protocol {
	case "tcp":
		listener, err := config.Listen(context.Background(), "tcp", address)
		if err != nil {
			return false
		}
		return listener.Close() == nil
	case "udp":
		listener, err := config.ListenPacket(context.Background(), "udp", address)
		if err != nil {
			return false
		}
		return listener.Close() == nil
	}
	return false // then the end of leaving tells
}
