package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
)

// All who may see the same share one stream of events, whatever they signed in
// with when; when the last one leaves nothing of it is left.
func TestOneStreamForMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, engine := stubbed(t)
		var leave []func()
		var changed []<-chan struct{}
		for range 100 {
			_, c, l := d.hubs.watch(d.of(t, "ann's"))
			leave, changed = append(leave, l), append(changed, c)
		}
		_, other, l := d.hubs.watch(d.of(t, "bob's"))
		synctest.Wait()
		if engine.opened != 2 || len(d.hubs.all) != 2 {
			t.Errorf("%d streams for two tokens, %d hubs", engine.opened, len(d.hubs.all))
		}
		engine.say(t)
		time.Sleep(gather)
		synctest.Wait()
		for i, c := range append(changed, other) {
			if !told(c) {
				t.Errorf("watcher %d was not told", i)
			}
		}
		for _, leave := range leave[1:] {
			leave()
		}
		engine.say(t)
		time.Sleep(gather)
		synctest.Wait()
		if !told(changed[0]) || told(changed[1]) {
			t.Error("who is there is not told, or who left is")
		}
		leave[0]()
		l()
		synctest.Wait()
		if len(d.hubs.all) != 0 || engine.open() != 0 {
			t.Errorf("%d hubs and %d streams are left", len(d.hubs.all), engine.open())
		}
		_, _, again := d.hubs.watch(d.of(t, "ann's"))
		synctest.Wait()
		if engine.opened != 3 {
			t.Errorf("who comes again: %d streams", engine.opened)
		}
		again()
	})
}

// What many watch is made once, and again only when something happened.
func TestMadeOnceForMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, engine := stubbed(t)
		h, changed, leave := d.hubs.watch(d.of(t, "ann's"))
		defer leave()
		synctest.Wait()
		var mu sync.Mutex
		made := 0
		render := func(context.Context) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			made++
			time.Sleep(time.Millisecond)
			return fmt.Append(nil, "version ", made), nil
		}
		look := func(want string, wantMade int) {
			t.Helper()
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					if m, err := h.part(t.Context(), "/installed/live", render); err != nil || string(m) != "data: "+want+"\n\n" {
						t.Errorf("%q, %v", m, err)
					}
				})
			}
			all.Wait()
			if made != wantMade {
				t.Errorf("made %d times, want %d", made, wantMade)
			}
		}
		look("version 1", 1)
		look("version 1", 1)
		for range 50 {
			engine.say(t)
		}
		synctest.Wait()
		look("version 2", 2) // who comes now sees at once what happened
		if told(changed) {
			t.Error("who was there is told before what happens is gathered")
		}
		time.Sleep(gather)
		synctest.Wait()
		if !told(changed) || told(changed) {
			t.Error("fifty events are not told once")
		}
		look("version 2", 2)
		if _, err := h.part(t.Context(), "/components/live", render); err != nil || made != 3 {
			t.Errorf("another page: made %d times, %v", made, err)
		}
		time.Sleep(refresh)
		synctest.Wait()
		look("version 4", 4) // containers use other than before, and nobody tells
		if len(h.made) != 1 {
			t.Errorf("%d parts are kept, of which one is shown", len(h.made))
		}
	})
}

// What containers use is measured every few seconds, and only while a page shows it;
// no page waits for it.
func TestUsage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, engine := stubbed(t)
		h, changed, leave := d.hubs.watch(d.of(t, "ann's"))
		defer leave()
		time.Sleep(time.Minute)
		if engine.measured != 0 {
			t.Errorf("it was measured %d times for nobody", engine.measured)
		}
		for told(changed) {
		}
		for range 2 { // who come at once
			if h.usage().of != nil {
				t.Error("there is something before it was measured")
			}
		}
		time.Sleep(gather)
		synctest.Wait()
		if used := h.usage().of["x"]; !told(changed) || used == nil || used.Memory != 1 || engine.measured != 1 {
			t.Errorf("it is %+v, measured %d times, and pages are not told", used, engine.measured)
		}
		time.Sleep(usageAge)
		for range 10 {
			h.usage()
		}
		synctest.Wait()
		if used := h.usage().of["x"]; used.Memory != 2 || engine.measured != 2 {
			t.Errorf("later it is %+v, measured %d times", used, engine.measured)
		}
	})
}

// What takes long to make is made less often, however much happens.
func TestSlowPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, engine := stubbed(t)
		h, changed, leave := d.hubs.watch(d.of(t, "ann's"))
		defer leave()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var sayer sync.WaitGroup
		defer sayer.Wait()
		sayer.Go(func() {
			for ctx.Err() == nil {
				engine.say(t)
				time.Sleep(gather / 2)
			}
		})
		made, making := 0, time.Duration(0)
		for ctx.Err() == nil {
			begin := time.Now()
			_, err := h.part(t.Context(), "/installed/live", func(context.Context) ([]byte, error) {
				time.Sleep(time.Second)
				return nil, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			made, making = made+1, making+time.Since(begin)
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		if made < 10 || making > 20*time.Second {
			t.Errorf("it was made %d times, which took %v of a minute", made, making)
		}
	})
}

// A part goes on to be made for all when who asked first goes away.
func TestPartOutlivesWhoAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, _ := stubbed(t)
		h, _, leave := d.hubs.watch(d.of(t, "ann's"))
		defer leave()
		slow := func(ctx context.Context) ([]byte, error) {
			select {
			case <-time.After(time.Second):
				return []byte("there"), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if _, err := h.part(ctx, "/x", slow); !errors.Is(err, context.Canceled) {
				t.Errorf("who went away gets %v", err)
			}
		}()
		synctest.Wait()
		cancel()
		if m, err := h.part(t.Context(), "/x", slow); err != nil || string(m) != "data: there\n\n" {
			t.Errorf("who stays gets %q, %v", m, err)
		}
		hang := func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
		begin := time.Now()
		if _, err := h.part(t.Context(), "/y", hang); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != makeTime {
			t.Errorf("what is never made: %v after %v", err, time.Since(begin))
		}
		synctest.Wait()
	})
}

// An engine that is away is looked for, and heard again when it is back.
func TestEngineComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, engine := stubbed(t)
		engine.leave()
		_, changed, leave := d.hubs.watch(d.of(t, "ann's"))
		defer leave()
		heard := func(when string) {
			t.Helper()
			for told(changed) {
			}
			engine.say(t)
			time.Sleep(gather)
			synctest.Wait()
			if engine.open() != 1 || !told(changed) {
				t.Errorf("%s: %d streams, and what happens is not heard", when, engine.open())
			}
		}
		time.Sleep(time.Minute)
		if !told(changed) {
			t.Error("pages are not made anew while the engine is away")
		}
		engine.come()
		time.Sleep(followAgain)
		synctest.Wait()
		heard("it was away when we came")
		engine.leave()
		time.Sleep(time.Minute)
		engine.come()
		time.Sleep(30 * time.Second) // the longest pause of the client
		synctest.Wait()
		heard("it went away for a minute")
	})
}

// A live part is replaced by what went wrong, comes back by itself, and ends when
// the dashboard stops.
func TestStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, _ := stubbed(t)
		stopping := make(chan struct{})
		d.Stopping = stopping
		answer := []byte("<p>all is well</p>")
		var failure error
		var mu sync.Mutex
		out, in := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			w := &piped{header: http.Header{}, w: in}
			err := d.stream(w, httptest.NewRequestWithContext(t.Context(), "GET", "/installed/live", nil), d.of(t, "ann's"), func(context.Context, *hub) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				return answer, failure
			})
			_ = in.Close()
			ended <- err
		}()
		lines := bufio.NewScanner(out)
		until := func(text string) {
			t.Helper()
			for lines.Scan() {
				if strings.Contains(lines.Text(), text) {
					return
				}
			}
			t.Fatalf("the stream ends without %q", text)
		}
		until("all is well")
		until(": still here")
		mu.Lock()
		failure = graft.Errorf(graft.CodeUnavailable, "the engine is away")
		mu.Unlock()
		until("the engine is away")
		until("goes on by itself")
		mu.Lock()
		failure = nil
		mu.Unlock()
		until("all is well")
		begin := time.Now()
		close(stopping)
		for lines.Scan() {
			if lines.Text() != "" { // the end of the message before
				t.Errorf("after the end: %q", lines.Text())
			}
		}
		if err := <-ended; err != nil || time.Since(begin) != 0 {
			t.Errorf("ended after %v: %v", time.Since(begin), err)
		}
		synctest.Wait()
		if len(d.hubs.all) != 0 {
			t.Error("its hub is left")
		}
	})
}

// piped is an answer that is read while it is written.
type piped struct {
	header http.Header
	w      *io.PipeWriter
}

func (p *piped) Header() http.Header            { return p.header }
func (p *piped) WriteHeader(int)                {}
func (p *piped) Write(data []byte) (int, error) { return p.w.Write(data) }
func (p *piped) Flush()                         {}

func TestMessage(t *testing.T) {
	t.Parallel()
	for html, want := range map[string]string{
		"":                         "\n",
		"<p>x</p>":                 "data: <p>x</p>\n\n",
		"a\n\nb\n":                 "data: a\ndata: \ndata: b\n\n",
		"a\r\nb\rc":                "data: a\ndata: b\ndata: c\n\n",
		"50 %\revent: x\rretry: 9": "data: 50 %\ndata: event: x\ndata: retry: 9\n\n", // as a bar of progress may do
	} {
		if got := string(message([]byte(html))); got != want {
			t.Errorf("%q is sent as %q", html, got)
		}
	}
}
