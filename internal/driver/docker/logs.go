package docker

import (
	"context"
	"io"
	"strconv"

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
		out := &sink{Writer: w}
		stream, err := api.ContainerLogs(ctx, result.Container.ID, request)
		if err == nil {
			defer stream.Close()
			if result.Container.Config != nil && result.Container.Config.Tty {
				_, err = io.Copy(out, stream)
			} else { // both streams come in one, in order and framed
				_, err = stdcopy.StdCopy(out, out, stream)
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
