package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// Times of live pages.
const (
	// gather is how long what happens at once is gathered before pages are made
	// anew.
	gather = 200 * time.Millisecond
	// refresh is after which time they are made anew though nothing was told: what
	// containers use changes all the time, and an engine that is away tells nothing.
	refresh = 5 * time.Second
	// usageAge is after which time what containers use is measured again while somebody
	// looks, usageTime how long that may take.
	usageAge  = 4 * time.Second
	usageTime = 3 * time.Second
	// makeTime is how long one may take to be made.
	makeTime = 10 * time.Second
	// sendTime is how long a browser may take to read it.
	sendTime = 30 * time.Second
	// followAgain is the pause before an engine that refused is asked again.
	followAgain = 2 * time.Second
)

// hubs has one hub for all open pages of who may see the same: a hundred
// dashboards ask an engine no more than one.
type hubs struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]*hub
}

func newHubs() *hubs { return &hubs{all: map[[sha256.Size]byte]*hub{}} }

// hub tells pages that something changed, and makes each of them once for all
// that show it.
type hub struct {
	cancel context.CancelFunc

	mu       sync.Mutex
	watchers map[chan struct{}]bool
	changing bool          // watchers will be told soon
	version  uint64        // grows when pages may be others
	took     time.Duration // to make the last part
	used     usage
	asked    time.Time     // when that was to be measured last
	measure  chan struct{} // has a value when it is to be measured again
	made     map[string]*part
}

// part is the live part of a page, as of a version.
type part struct {
	version uint64
	done    chan struct{} // closed once the rest is there
	message []byte        // as it is sent
	err     error
}

// watch returns the hub of a session, a channel that has a value whenever the
// page may be another, and what ends it.
func (h *hubs) watch(s *session) (*hub, <-chan struct{}, func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	shared := h.all[s.key]
	if shared == nil {
		ctx, cancel := context.WithCancel(context.Background())
		shared = &hub{cancel: cancel, watchers: map[chan struct{}]bool{}, made: map[string]*part{}, measure: make(chan struct{}, 1)}
		h.all[s.key] = shared
		go shared.follow(ctx, s.engine)
	}
	changed := make(chan struct{}, 1)
	shared.mu.Lock()
	shared.watchers[changed] = true
	shared.mu.Unlock()
	return shared, changed, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		shared.mu.Lock()
		defer shared.mu.Unlock()
		delete(shared.watchers, changed)
		if len(shared.watchers) == 0 {
			shared.cancel()
			delete(h.all, s.key)
		}
	}
}

// follow hears what happens at the engine until ctx ends.
func (h *hub) follow(ctx context.Context, engine *client.Client) {
	again := time.NewTicker(refresh)
	defer again.Stop()
	go func() {
		for {
			select {
			case <-again.C:
				h.change()
			case <-h.measure:
				used := stats(ctx, engine, usageTime)
				h.mu.Lock()
				h.used = used
				h.mu.Unlock()
				h.change()
			case <-ctx.Done():
				return
			}
		}
	}()
	for ctx.Err() == nil {
		// It comes back by itself after a connection that broke.
		_ = engine.Events(ctx, client.EventsOptions{Follow: true}, func(graft.Event) error {
			h.change()
			return nil
		})
		h.change()
		select {
		case <-time.After(followAgain):
		case <-ctx.Done():
		}
	}
}

// usage returns what containers used when that was measured last. Pages are made anew
// when it has been measured again.
func (h *hub) usage() usage {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) >= usageAge {
		h.asked = time.Now()
		select {
		case h.measure <- struct{}{}:
		default: // it will be
		}
	}
	return h.used
}

// change has the pages made anew: for who comes from now on at once, for who is
// here soon.
func (h *hub) change() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version++
	if h.changing {
		return
	}
	h.changing = true
	// Pages that take long to make are made less often, or they would take all time.
	time.AfterFunc(min(max(gather, 4*h.took), refresh), func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.changing = false
		for changed := range h.watchers {
			select {
			case changed <- struct{}{}:
			default: // it will look soon enough
			}
		}
	})
}

// part returns the part of a page that has that key, as it is sent, made once for
// each version.
func (h *hub) part(ctx context.Context, key string, render func(context.Context) ([]byte, error)) ([]byte, error) {
	h.mu.Lock()
	p := h.made[key]
	if p == nil || p.version != h.version {
		p = &part{version: h.version, done: make(chan struct{})}
		maps.DeleteFunc(h.made, func(_ string, old *part) bool { return old.version != h.version }) // nobody asks for them any more
		h.made[key] = p
		go func() {
			// For all who show it, whoever goes away.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeTime)
			defer cancel()
			defer close(p.done)
			begin := time.Now()
			html, err := render(ctx)
			p.message, p.err = message(html), err
			h.mu.Lock()
			defer h.mu.Unlock()
			h.took = time.Since(begin)
		}()
	}
	h.mu.Unlock()
	select {
	case <-p.done:
		return p.message, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// view is what a page shows: a template, and what it is filled with.
type view struct {
	template, title string
	content         any
}

// look makes a page that follows what happens, as it is now; id is that of its
// address, if it has one.
type look func(ctx context.Context, s *session, id string, usage usageNow) (view, error)

// whole answers with such a page.
func (d *dashboard) whole(now look) handler {
	return func(w http.ResponseWriter, r *http.Request, s *session) error {
		used := func() usage { return stats(r.Context(), s.engine, statsTime) }
		v, err := now(r.Context(), s, r.PathValue("id"), used)
		if err != nil {
			return err
		}
		return d.show(w, r, s, v.template, v.title, v.content)
	}
}

// live sends the part of it that its template calls "live".
func (d *dashboard) live(now look) handler {
	return func(w http.ResponseWriter, r *http.Request, s *session) error {
		id := r.PathValue("id")
		return d.stream(w, r, s, func(ctx context.Context, h *hub) ([]byte, error) {
			v, err := now(ctx, s, id, h.usage)
			if err != nil {
				return nil, err
			}
			return d.pages.part(v.template, "live", v.content)
		})
	}
}

// stream sends the live part of a page, and sends it again whenever it is another
// one, until the reader or the dashboard goes. What made it fail is shown in its
// place.
func (d *dashboard) stream(w http.ResponseWriter, r *http.Request, s *session, render func(context.Context, *hub) ([]byte, error)) error {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // proxies pass it on at once
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := d.untilStopping(r.Context())
	defer cancel()
	hub, changed, leave := d.hubs.watch(s)
	defer leave()
	out := newFlushed(w)
	defer out.end()
	var last []byte
	for {
		now, err := hub.part(ctx, r.URL.Path, func(ctx context.Context) ([]byte, error) { return render(ctx, hub) })
		if ctx.Err() != nil {
			return nil
		}
		if graft.ErrorCode(err) == graft.CodeUnauthorized && last != nil {
			return nil // when the browser asks again, he is asked to sign in
		}
		if graft.ErrorCode(err) == graft.CodeUnauthorized {
			return err
		}
		if err != nil {
			html, err := d.pages.part("problem", "live", problemOf(err))
			if err != nil {
				return err
			}
			now = message(html)
		}
		if bytes.Equal(now, last) {
			_, err = io.WriteString(out, ": still here\n\n")
		} else {
			_, err = out.Write(now)
		}
		if err != nil {
			return nil // the reader went away
		}
		last = now
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// untilStopping returns a context that ends with another one, and when the
// dashboard is to stop.
func (d *dashboard) untilStopping(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-d.Stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// message is one of a stream of server-sent events, as the HTML standard has them:
// there a carriage return ends a line, too. Output of containers has some, and what
// follows must not be taken for anything else than data.
func message(data []byte) []byte {
	var m bytes.Buffer
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	for line := range bytes.Lines(data) {
		m.WriteString("data: ")
		m.Write(bytes.TrimSuffix(line, []byte("\n")))
		m.WriteByte('\n')
	}
	m.WriteByte('\n')
	return m.Bytes()
}
