package docker

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"time"

	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// Logs implements driver.Driver.
func (d *Driver) Logs(ctx context.Context, id string, options driver.LogOptions, w io.Writer) error {
	return d.withContainer(ctx, id, func(api *client.Client, found string) error {
		result, err := api.ContainerInspect(ctx, found, client.ContainerInspectOptions{})
		if err != nil {
			return d.failed(api, err, "the output of container %q can't be read", id)
		}
		request := client.ContainerLogsOptions{
			ShowStdout: true, ShowStderr: true, Follow: options.Follow, Since: unixTime(options.Since),
		}
		if options.Tail > 0 {
			request.Tail = strconv.Itoa(options.Tail)
		}
		terminal := result.Container.Config != nil && result.Container.Config.Tty
		out := &sink{Writer: w}
		var to io.Writer = out
		if request.Timestamps = options.Last != nil && !terminal; request.Timestamps {
			to = &stamped{out, options.Last}
		}
		stream, err := api.ContainerLogs(ctx, result.Container.ID, request)
		if err == nil {
			defer stream.Close()
			if terminal {
				_, err = io.Copy(to, stream)
			} else { // both streams come in one, in order and framed
				_, err = stdcopy.StdCopy(to, to, stream)
			}
		}
		if ctx.Err() != nil && options.Follow {
			return nil
		}
		if out.err != nil {
			return out.err
		}
		if err != nil {
			return d.failed(api, err, "the output of container %q can't be read", id)
		}
		return nil
	})
}

// stamped takes off the time that Docker puts before each message, which comes in
// one write, and notes it. A line of more than 16 KiB is several messages.
type stamped struct {
	io.Writer
	last *time.Time
}

func (s *stamped) Write(p []byte) (int, error) {
	text := p
	stamp, rest, _ := bytes.Cut(p, []byte(" "))
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err == nil {
		text = rest
	}
	if _, err := s.Writer.Write(text); err != nil {
		return 0, err
	}
	if err == nil {
		*s.last = at
	}
	return len(p), nil
}

// sink keeps the error of the caller's writer apart from those of Docker.
type sink struct {
	io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}
