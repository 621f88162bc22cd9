package docker

import (
	"context"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// Watch implements driver.Driver.
func (d *Driver) Watch(ctx context.Context, from time.Time, connected func(), fn func(driver.Event)) error {
	if err := d.watch(ctx, from, connected, fn); ctx.Err() == nil {
		return err
	}
	return nil
}

func (d *Driver) watch(ctx context.Context, from time.Time, connected func(), fn func(driver.Event)) error {
	api, err := d.connect(ctx)
	if err != nil {
		return err
	}
	if from.IsZero() {
		if from, err = d.now(ctx, api); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the client's reader
	stream := api.Events(ctx, client.EventsListOptions{
		Since: unixTime(from),
		// Not by label: that would leave out the events of networks.
		Filters: client.Filters{}.Add("type", "container", "network", "volume", "image"),
	})
	// The stream says nothing before the first event, not even that it could
	// not begin; by the time that another request is answered, it has.
	_, err = api.Ping(ctx, client.PingOptions{})
	select {
	case err := <-stream.Err:
		return d.watchFailed(api, err)
	default:
	}
	if err != nil {
		return d.watchFailed(api, err)
	}
	defer d.cache.watch()()
	if connected != nil {
		connected()
	}
	for {
		select {
		case message := <-stream.Messages:
			d.forgetChanged(&message)
			if event, ok := convertEvent(&message); ok {
				fn(event)
			}
		case err := <-stream.Err:
			return d.watchFailed(api, err)
		}
	}
}

// now returns the Docker Engine's own time. Docker answers a request for events
// a moment before it begins to listen for them; asking for those since a time
// before the request closes that gap, and the two clocks may differ.
func (d *Driver) now(ctx context.Context, api *client.Client) (time.Time, error) {
	info, err := api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return time.Time{}, d.failed(api, err, "Docker's clock can't be read")
	}
	now, err := time.Parse(time.RFC3339Nano, info.Info.SystemTime)
	if err != nil {
		return time.Now(), nil //nolint:nilerr // the better guess is worth no failure
	}
	return now, nil
}

// watchFailed reports the end of a stream. A Docker Engine that ends one is
// about to stop, so what was negotiated with it may not hold for the next.
func (d *Driver) watchFailed(api *client.Client, err error) error {
	d.disconnect(api)
	if err == nil {
		err = io.EOF
	}
	return d.failed(api, err, "Docker's events can't be watched")
}

// forgetChanged drops from the cache what a message says has changed.
func (d *Driver) forgetChanged(m *events.Message) {
	switch m.Type {
	case events.ContainerEventType:
		switch action := action(m); {
		case strings.HasPrefix(action, "exec_"), action == "top", action == "kill": // changes nothing yet
		case action == string(events.ActionDie):
			d.cache.ended(m.Actor.ID, time.Unix(0, m.TimeNano).UTC(), exitCode(m))
		default:
			d.cache.changed(m.Actor.ID)
		}
	case events.NetworkEventType:
		if id := m.Actor.Attributes["container"]; id != "" {
			d.cache.changed(id)
		}
	case events.ImageEventType:
		d.cache.imagesChanged()
	}
}

// convertEvent puts a message into our words, and tells whether anybody wants
// to know.
func convertEvent(m *events.Message) (driver.Event, bool) {
	event := driver.Event{
		Time:   time.Unix(0, m.TimeNano).UTC(),
		Type:   string(m.Type),
		Action: action(m),
		ID:     m.Actor.ID,
		Name:   m.Actor.Attributes["name"],
	}
	switch m.Type {
	case events.ContainerEventType:
		switch events.Action(event.Action) {
		case events.ActionCreate, events.ActionStart, events.ActionRestart, events.ActionStop, events.ActionPause,
			events.ActionUnPause, events.ActionUpdate, events.ActionRename, events.ActionDie, events.ActionOOM,
			events.ActionDestroy, events.ActionHealthStatus:
		default:
			return event, false
		}
		event.Labels = labels(m.Actor.Attributes)
		event.ExitCode = exitCode(m)
	case events.NetworkEventType:
	case events.VolumeEventType:
		event.Name = event.ID
		if action := events.Action(event.Action); action == events.ActionMount || action == events.ActionUnmount {
			return event, false
		}
	default:
		return event, false
	}
	return event, true
}

// exitCode is 0 unless a container died.
func exitCode(m *events.Message) int {
	code, _ := strconv.Atoi(m.Actor.Attributes["exitCode"])
	return code
}

// action is the message's, without what health_status and exec_create add.
func action(m *events.Message) string {
	name, _, _ := strings.Cut(string(m.Action), ":")
	return name
}

// labels leaves only a container's labels of the attributes of its events.
func labels(attributes map[string]string) map[string]string {
	labels := maps.Clone(attributes)
	for _, own := range []string{"name", "image", "exitCode", "execDuration", "signal", "oldName"} {
		delete(labels, own)
	}
	return labels
}
