// Package market is the marketplace: it takes descriptors in, has their images
// verified in the background, and tells which addons are approved.
package market

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/outage"
	"github.com/graftplatform/graft/internal/store"
	"github.com/graftplatform/graft/internal/verify"
)

// Resolver asks registries. Errors with CodeUnavailable are temporary, all others
// are final.
type Resolver interface {
	Resolve(ctx context.Context, image string) (verify.Result, error)
}

// Options are the settings of a Market. Store and Resolver are needed; other zero
// fields take the defaults that are named with them.
type Options struct {
	Store    *store.Store
	Resolver Resolver
	Log      *slog.Logger // default: none
	// Metrics is where the marketplace registers what it measures. Default: none.
	Metrics prometheus.Registerer

	// Owner names this process's claims on verifications; after a restart it
	// goes on with them at once. Of several on one database each needs another
	// name. Default "marketplace".
	Owner string
	// Poll is how soon it is noticed what other processes on the same database
	// did. Default: there are no others.
	Poll time.Duration
	// Workers is how many addons are verified at a time. Default 16.
	Workers int
	// Images is how many images of one addon are asked for at a time. Default 4.
	Images int
	// Lease is how long a claim lasts that its owner does not renew. Default 1m.
	Lease time.Duration
	// MinBackoff and MaxBackoff bound the pause before a failed verification is
	// tried again. Defaults 1s and 5m.
	MinBackoff, MaxBackoff time.Duration
	// GiveUp is how long temporary failures are tried again. Default 24h.
	GiveUp time.Duration
	// Manual is whether an addon that passed waits for a reviewer.
	Manual bool
	// Jitter returns a number in [0,1). Default math/rand/v2.
	Jitter func() float64
}

// Market is the marketplace. It is safe for concurrent use.
type Market struct {
	Options
	hub           *hub
	wake          chan struct{} // has one element when there may be new work
	verifications *prometheus.HistogramVec
	claims        *outage.Log // whether the database gives work
}

var _ graft.Catalog = (*Market)(nil)

// New returns a Market. Nothing is verified before Run.
func New(options Options) *Market {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Jitter == nil {
		options.Jitter = rand.Float64
	}
	setDefault(&options.Owner, "marketplace")
	setDefault(&options.Workers, 16)
	setDefault(&options.Images, 4)
	setDefault(&options.Lease, time.Minute)
	setDefault(&options.MinBackoff, time.Second)
	setDefault(&options.MaxBackoff, 5*time.Minute)
	setDefault(&options.GiveUp, 24*time.Hour)
	return &Market{
		Options: options, hub: newHub(), wake: make(chan struct{}, 1), claims: outage.New(options.Log),
		verifications: newVerifications(options.Metrics, newAddonCounter(options.Store.AddonCounts)),
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Publish takes a valid descriptor in, with what is odd about it, and returns
// the addon under review. A descriptor without a version gets the next number
// from 0.0.1 on. CodeForbidden when the name is somebody else's, CodeConflict
// when that version was published before.
func (m *Market) Publish(ctx context.Context, by graft.Principal, descriptor *graft.Descriptor, warnings graft.Problems) (*graft.Addon, error) {
	if len(descriptor.Services) == 0 {
		return nil, graft.Problems{{Path: []string{"services"}, Message: "An addon needs at least one service."}}.Err()
	}
	addon := &graft.Addon{
		Descriptor: *descriptor, Status: graft.AddonUnderReview, Publisher: by.Name, Warnings: warnings, Rights: descriptor.Rights(),
	}
	addon.Risk = graft.Risk(addon.Rights)
	addon.SetKind()
	if err := m.Store.CreateAddon(ctx, addon, func(owner string) error { return mayChange(by, addon.Name, owner) }); err != nil {
		return nil, err
	}
	m.Log.Info("addon published", "id", addon.ID, "name", addon.Name, "version", addon.Version, "publisher", by.Name)
	m.poke()
	return addon, nil
}

// poke wakes Run.
func (m *Market) poke() {
	select {
	case m.wake <- struct{}{}:
	default: // it is to wake already
	}
}

// Addon returns an addon, whatever its status; CodeNotFound if there is none.
func (m *Market) Addon(ctx context.Context, id string) (*graft.Addon, error) {
	id, ok := graft.ParseID(id)
	if !ok {
		return nil, notFound()
	}
	return m.Store.Addon(ctx, id)
}

// WaitAddon returns the addon as soon as its revision is greater than since, or,
// as it is, when ctx ends. CodeNotFound if there is none or it is deleted.
func (m *Market) WaitAddon(ctx context.Context, id string, since int64) (*graft.Addon, error) {
	id, ok := graft.ParseID(id)
	if !ok {
		return nil, notFound()
	}
	changed := m.hub.join(id)
	defer func() { m.hub.leave(id, changed) }()
	for {
		addon, err := m.Store.Addon(context.WithoutCancel(ctx), id) // the answer is wanted when ctx has ended, too
		if err != nil || addon.Revision > since {
			return addon, err
		}
		select {
		case <-ctx.Done():
			return addon, nil
		case <-changed:
			changed = m.hub.join(id)
		}
	}
}

// Page returns the JSON documents of a page of the addons that a query chooses,
// and the cursor of the next page; empty: there is none.
// CodeInvalid for a cursor of something else.
func (m *Market) Page(ctx context.Context, q *graft.AddonQuery) (documents []string, next string, err error) {
	return m.Store.PageOfAddons(ctx, q)
}

// EachApproved calls fn with the JSON document of each approved addon that was
// not yanked, of that name or, if it is empty, of any, in the order of their ids
// until fn fails.
func (m *Market) EachApproved(ctx context.Context, name string, fn func(document []byte) error) error {
	return m.Store.EachAddon(ctx, store.AddonFilter{Status: graft.AddonApproved, Name: name, Listed: true}, fn)
}

func notFound() error { return graft.Errorf(graft.CodeNotFound, "Addon not found") }
