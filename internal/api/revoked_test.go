package api

import (
	"context"
	"io"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// fickle is an Authenticator that answers now so, now so.
type fickle struct{ code atomic.Value }

func (f *fickle) Authenticate(context.Context, string) (graft.Principal, error) {
	if code, _ := f.code.Load().(graft.Code); code != "" {
		return graft.Principal{}, graft.Errorf(code, "not now")
	}
	return graft.Principal{Name: "ann", Role: graft.RoleViewer}, nil
}

// A stream that has no end ends when its token is revoked, and not before: not while
// the database is away either.
func TestStreamsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/api/v1/addons/" + someID + "/logs?follow=true", eventsPath, addonPath} {
		synctest.Test(t, func(t *testing.T) {
			_, engine := newFakes()
			until := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			engine.output = func(ctx context.Context, _ string, _ driver.LogOptions, _ io.Writer) error { return until(ctx) }
			engine.coming = func(asked telling) error { return until(asked.ctx) }
			var auth fickle
			h := NewEngine(engine, Options{Auth: &auth})
			var w *httptest.ResponseRecorder
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				w = ask(t, h, "GET", path, "", "Authorization", "Bearer x")
			}()
			for _, code := range []graft.Code{"", graft.CodeUnavailable, ""} {
				auth.code.Store(code)
				select {
				case <-ended:
					t.Fatalf("%s: it ends while the token is good: %d %s", path, w.Code, w.Body)
				case <-time.After(time.Hour): // of the bubble
				}
			}
			auth.code.Store(graft.CodeUnauthorized)
			begin := time.Now()
			<-ended
			if took := time.Since(begin); took > askAgain || w.Code != 200 {
				t.Errorf("%s: it ended after %v with %d", path, took, w.Code)
			}
		})
	}
}
