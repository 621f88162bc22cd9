package auth

import (
	"context"
	"crypto"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/graftplatform/graft"
)

const (
	// keyAge is how long keys are used before they are fetched again, keyRetry
	// when that is tried again after it failed. The old ones are good until
	// then.
	keyAge   = 10 * time.Minute
	keyRetry = 30 * time.Second
	// keyPause is the least time between two fetches that requests cause:
	// signatures of keys that nobody knows can be had by anybody.
	keyPause = 10 * time.Second
	keyTime  = 5 * time.Second // for a fetch
)

// keys are public keys that another server has, and changes.
type keys struct {
	whose string // for messages
	fetch func(ctx context.Context) ([]crypto.PublicKey, error)
	log   *slog.Logger

	known atomic.Pointer[[]crypto.PublicKey]

	fetching chan struct{} // full while who filled it may use the fields below
	tried    time.Time
	failed   error // of the last fetch
}

func newKeys(whose string, log *slog.Logger, fetch func(context.Context) ([]crypto.PublicKey, error)) *keys {
	return &keys{whose: whose, fetch: fetch, log: log, fetching: make(chan struct{}, 1)}
}

// try calls check with the keys that are known. If none of them made a
// signature, which check says by true, it is called again with those that are
// fetched then, unless that was done just now. CodeUnavailable when there are no
// keys.
func (k *keys) try(ctx context.Context, check func(keys []crypto.PublicKey) (unknown bool, err error)) error {
	known := k.known.Load()
	if known == nil {
		var err error
		if known, err = k.refresh(ctx, nil); err != nil {
			return err
		}
	}
	unknown, err := check(*known)
	if !unknown {
		return err
	}
	newer, failed := k.refresh(ctx, known)
	if failed != nil || newer == known {
		return err
	}
	_, err = check(*newer)
	return err
}

// refresh fetches the keys, unless there are others by now than the caller has
// seen, or it was tried just now. It returns what is known then, or the error
// if that is nothing.
func (k *keys) refresh(ctx context.Context, seen *[]crypto.PublicKey) (*[]crypto.PublicKey, error) {
	select {
	case k.fetching <- struct{}{}:
	case <-ctx.Done():
		return nil, graft.WrapError(graft.CodeUnavailable, ctx.Err(), "The request ended before %s was there.", k.whose)
	}
	defer func() { <-k.fetching }()
	if known := k.known.Load(); known != seen {
		return known, nil
	}
	if time.Since(k.tried) >= keyPause {
		k.get(ctx)
	}
	known := k.known.Load()
	if known == nil {
		return nil, graft.WrapError(graft.CodeUnavailable, k.failed, "%s can't be fetched, so nobody can tell whose token this is: try again in a moment.", k.whose)
	}
	return known, nil
}

// get fetches the keys; the caller has filled k.fetching. What it gets is for
// others as well, so it goes on when the caller leaves.
func (k *keys) get(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyTime)
	defer cancel()
	k.tried = time.Now()
	fetched, err := k.fetch(ctx)
	if k.failed = err; err == nil {
		k.known.Store(&fetched)
	}
}

// run fetches the keys when they are old, until ctx ends.
func (k *keys) run(ctx context.Context) error {
	said := false // that they can't be fetched
	for {
		k.fetching <- struct{}{}
		k.get(ctx)
		err := k.failed
		<-k.fetching
		pause := keyAge
		if err != nil {
			pause = keyRetry
		}
		if err != nil && !said {
			k.log.WarnContext(ctx, "keys can't be fetched; those that are known are used on", "keys", k.whose, "error", err)
		} else if err == nil && said {
			k.log.InfoContext(ctx, "keys are fetched again", "keys", k.whose)
		}
		said = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}
