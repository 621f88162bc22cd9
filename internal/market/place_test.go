package market_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/market"
	"github.com/graftplatform/graft/internal/store"
	"github.com/graftplatform/graft/internal/verify"
)

// resolver answers by image; it is a registry without a network.
type resolver struct {
	mu     sync.Mutex
	answer map[string]func(ctx context.Context) error // nil error: the image passes
	digest map[string]string                          // others than those that are made of the image
	runs   map[string][]string
	asked  map[string][]time.Time
}

func newResolver() *resolver {
	return &resolver{
		answer: map[string]func(context.Context) error{}, digest: map[string]string{}, runs: map[string][]string{},
		asked: map[string][]time.Time{},
	}
}

func (r *resolver) Resolve(ctx context.Context, image string) (verify.Result, error) {
	r.mu.Lock()
	r.asked[image] = append(r.asked[image], time.Now())
	answer, digest := r.answer[image], cmp.Or(r.digest[image], "sha256:"+image)
	platforms, known := r.runs[image]
	r.mu.Unlock()
	if !known {
		platforms = []string{"linux/amd64"}
	}
	if answer != nil {
		if err := answer(ctx); err != nil {
			return verify.Result{}, err
		}
	}
	return verify.Result{Digest: digest, Platforms: platforms}, nil
}

func (r *resolver) set(image string, answer func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer[image] = answer
}

func (r *resolver) fail(image string, code graft.Code, message string) {
	r.set(image, func(context.Context) error { return graft.Errorf(code, "%s", message) })
}

// hold keeps a question unanswered until release is called.
func (r *resolver) hold(image string) (release func()) {
	released := make(chan struct{})
	r.set(image, func(ctx context.Context) error {
		select {
		case <-released:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return func() { close(released) }
}

// is says what an image stands for, runsOn what it is made for.
func (r *resolver) is(image, digest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.digest[image] = digest
}

func (r *resolver) runsOn(image string, platforms []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs[image] = platforms
}

func (r *resolver) times(image string) []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked[image])
}

// place is a data directory with a market on it that can be restarted.
type place struct {
	*market.Market
	t        *testing.T
	dir      string
	resolver *resolver
	options  market.Options
	stop     func()
}

// newPlace must be called in a bubble of synctest.
func newPlace(t *testing.T, options market.Options) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), resolver: newResolver(), options: options}
	p.start()
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *place) start() {
	p.t.Helper()
	s, err := store.Open(p.t.Context(), p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	p.options.Store, p.options.Resolver = s, p.resolver
	p.Market = market.New(p.options)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	p.stop = func() {
		cancel()
		running.Wait()
		if err := s.Close(); err != nil {
			p.t.Error(err)
		}
	}
}

// publish publishes an addon with a service for each image.
func (p *place) publish(name string, images ...string) *graft.Addon {
	p.t.Helper()
	return p.publishWith(admin(), name, nil, images...)
}

// publishWith is publish by somebody, of a descriptor that change may change.
func (p *place) publishWith(by graft.Principal, name string, change func(*graft.Descriptor), images ...string) *graft.Addon {
	p.t.Helper()
	d := &graft.Descriptor{Name: name}
	for i, image := range images {
		d.Services = append(d.Services, graft.Service{Name: fmt.Sprint("service", i), Image: image})
	}
	if change != nil {
		change(d)
	}
	addon, err := p.Publish(p.t.Context(), by, d, graft.Problems{{Message: "odd"}})
	if err != nil {
		p.t.Fatal(err)
	}
	if addon.Status != graft.AddonUnderReview || addon.Revision != 1 || len(addon.Warnings) != 1 {
		p.t.Fatalf("published %+v", addon)
	}
	return addon
}

// settled waits until everything that happens without time going by has
// happened, and returns the addon.
func (p *place) settled(id string) *graft.Addon {
	p.t.Helper()
	synctest.Wait()
	addon, err := p.Addon(p.t.Context(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	return addon
}

// waitFor waits for a status, however long it takes.
func (p *place) waitFor(id string, status graft.AddonStatus) *graft.Addon {
	p.t.Helper()
	for since := int64(0); ; {
		addon, err := p.WaitAddon(p.t.Context(), id, since)
		if err != nil {
			p.t.Fatal(err)
		}
		if addon.Status == status {
			return addon
		}
		if addon.Status != graft.AddonUnderReview {
			p.t.Fatalf("status is %s: %+v", addon.Status, addon.Verification)
		}
		since = addon.Revision
	}
}

func admin() graft.Principal { return graft.Principal{Name: "admin", Role: graft.RoleAdmin} }
