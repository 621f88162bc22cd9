package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// whose answers who somebody is, as a server that is told how.
type whose struct {
	status int // 0: it never answers
	body   string
}

// RoundTrip implements http.RoundTripper.
func (w whose) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.status == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: w.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(w.body)), Request: r}, nil
}

// Who is known to one server is signed in, whatever the other one does.
func TestRecognise(t *testing.T) {
	t.Parallel()
	ann, stranger, away := whose{200, `{"name":"ann","role":"operator"}`}, whose{401, `{"code":"unauthorized","message":"no"}`}, whose{}
	for name, c := range map[string]struct {
		engine, market whose
		knows          []client.Server
		code           graft.Code
		takes          time.Duration
	}{
		"both know":                  {ann, ann, []client.Server{client.Engine, client.Marketplace}, "", 0},
		"the engine alone":           {ann, stranger, []client.Server{client.Engine}, "", 0},
		"the marketplace alone":      {stranger, ann, []client.Server{client.Marketplace}, "", 0},
		"the marketplace is away":    {ann, away, []client.Server{client.Engine}, "", signInTime},
		"the engine is away":         {away, ann, []client.Server{client.Marketplace}, "", signInTime},
		"nobody knows":               {stranger, stranger, nil, graft.CodeUnauthorized, 0},
		"one is away, one knows not": {away, stranger, nil, graft.CodeUnauthorized, signInTime},
		"one knows not, one is away": {stranger, away, nil, graft.CodeUnauthorized, signInTime},
		"both are away":              {away, away, nil, graft.CodeUnavailable, signInTime},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &dashboard{Options: Options{
				Engine:      Server{URL: "http://engine.test", HTTPClient: &http.Client{Transport: c.engine}},
				Marketplace: Server{URL: "http://market.test", HTTPClient: &http.Client{Transport: c.market}},
			}}
			begin := time.Now()
			s, err := d.recognise(t.Context(), "secret")
			if took := time.Since(begin); took != c.takes {
				t.Errorf("%s: it took %v", name, took)
			}
			if c.code != "" {
				if graft.ErrorCode(err) != c.code || c.code == graft.CodeUnavailable && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", name, err)
				}
				return
			}
			if err != nil || len(s.who) != len(c.knows) || s.Name() != "ann" || s.Open {
				t.Fatalf("%s: %+v, %v", name, s, err)
			}
			for _, server := range c.knows {
				if !s.Can(server, graft.PermitOperate) || s.Can(server, graft.PermitAdminister) {
					t.Errorf("%s: at the %s he is %+v", name, server, s.who[server])
				}
			}
		})
	}
}
