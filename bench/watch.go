package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
)

// watch is a process that has the live parts of many pages open.
type watch struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// startWatch returns when all pages have been shown once.
func startWatch(ctx context.Context, url, cookie string, streams int) (*watch, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &watch{command: exec.CommandContext(ctx, self, "watch", "-url", url, "-cookie", cookie, "-streams", fmt.Sprint(streams))}
	w.command.Stderr = os.Stderr
	if w.in, err = w.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	if err := w.command.Start(); err != nil {
		return nil, err
	}
	if _, err := w.out.ReadString('\n'); err != nil {
		return nil, errors.Join(err, w.command.Wait())
	}
	return w, nil
}

// end closes the pages, and tells how many messages came after the first ones.
func (w *watch) end(l *effort) error {
	_ = w.in.Close() // its end tells it to end
	err := json.NewDecoder(w.out).Decode(&l.messages)
	return errors.Join(err, w.command.Wait())
}

// runWatch is that process. It reads until its input ends.
func runWatch(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	url := flags.String("url", "", "of a live part")
	cookie := flags.String("cookie", "", "of a session")
	streams := flags.Int("streams", 1, "how many")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var messages atomic.Int64
	var first, all sync.WaitGroup
	for range *streams {
		first.Add(1)
		all.Go(func() {
			began := sync.OnceFunc(first.Done)
			defer began()
			if err := follow(ctx, *url, *cookie, func() { messages.Add(1); began() }); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	first.Wait()
	before := messages.Load()
	if _, err := fmt.Fprintln(out, "open"); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	came := messages.Load() - before
	cancel(nil)
	all.Wait()
	return json.NewEncoder(out).Encode(came)
}

// follow tells of every message of a stream.
func follow(ctx context.Context, url, cookie string, message func()) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Cookie", cookie)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		return fmt.Errorf("%s is %s, %s", url, kind, response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	data := false
	for lines.Scan() {
		if lines.Text() == "" && data {
			message()
		}
		data = strings.HasPrefix(lines.Text(), "data:")
	}
	return errors.Join(errors.New("the stream ended"), lines.Err())
}
