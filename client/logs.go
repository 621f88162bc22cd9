package client

import (
	"context"
	"io"
	"net/url"
	"strconv"
	"time"
)

// LogOptions choose what of an installation's output is wanted.
type LogOptions struct {
	Service string // empty: all services
	Tail    int    // lines from the end of each service's output; 0: all
	Since   time.Time
	Follow  bool // go on with what is written from now on, by later containers too
}

// Logs copies the output of an installation's services to w, each line after
// "service | ", and after "graft | " what the engine itself has to say. With
// Follow it ends when the installation is uninstalled, the server stops, or with
// ctx. An error of w is returned as it is.
func (c *Client) Logs(ctx context.Context, id string, o LogOptions, w io.Writer) error {
	path, err := idPath(installationsPath, "installation", id)
	if err != nil {
		return err
	}
	r := get(Engine, path+"/logs", url.Values{"tail": {strconv.Itoa(o.Tail)}})
	if o.Service != "" {
		r.query.Set("service", o.Service)
	}
	if !o.Since.IsZero() {
		r.query.Set("since", o.Since.UTC().Format(time.RFC3339Nano))
	}
	if o.Follow {
		r.query.Set("follow", "true")
	}
	resp, err := c.open(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out := &writer{w: w}
	if _, err := io.Copy(out, resp.Body); err != nil {
		if out.err != nil {
			return out.err
		}
		return c.noAnswer(ctx, r, err)
	}
	return nil
}

// writer remembers that it was the writing side of a copy that failed: that is
// no fault of the server's.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}
