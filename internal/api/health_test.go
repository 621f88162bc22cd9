package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
)

func checksOf(t *testing.T, body []byte) map[string]string {
	t.Helper()
	var answer struct {
		Checks map[string]string `json:"checks"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return answer.Checks
}

func TestHealthz(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	engine.err = errors.New("away") // no matter
	h := NewEngine(engine, Options{})
	if w := ask(t, h, "GET", "/healthz", ""); w.Code != 200 || w.Body.String() != "ok" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w := ask(t, h, "GET", "/healthz", "", "Accept", "application/json")
	if w.Code != 200 || w.Body.String() != `{"status":"ok"}`+"\n" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestReadyzTellsEveryCheck(t *testing.T) {
	t.Parallel()
	var database, disk error
	market, engine := newFakes()
	h := NewEngine(engine, Options{Checks: []Check{
		{"database", func(context.Context) error { return database }},
		{"disk", func(context.Context) error { return disk }},
	}})
	w := ask(t, h, "GET", "/readyz", "")
	checks := checksOf(t, w.Body.Bytes())
	if w.Code != 200 || len(checks) != 3 || checks["docker"] != "ok" || checks["database"] != "ok" || checks["disk"] != "ok" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(t, h, "GET", "/readyz", "", "Accept", "text/plain"); w.Code != 200 || w.Body.String() != "ready" {
		t.Errorf("as text: %d %s", w.Code, w.Body)
	}
	engine.err = graft.Errorf(graft.CodeUnavailable, "Docker does not answer")
	disk = graft.Errorf(graft.CodeUnavailable, "The disk has 3 MiB left.")
	w = ask(t, h, "GET", "/readyz", "")
	body := errorOf(t, w)
	checks = checksOf(t, w.Body.Bytes())
	if w.Code != 503 || body["message"] != "Docker does not answer. The disk has 3 MiB left." || body["error_code"] != "unavailable" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if checks["docker"] != "Docker does not answer" || checks["database"] != "ok" || checks["disk"] != "The disk has 3 MiB left." {
		t.Errorf("checks are %v", checks)
	}
	engine.err, disk, database = nil, nil, errors.New("inner text")
	if w := ask(t, h, "GET", "/readyz", ""); w.Code != 503 || strings.Contains(w.Body.String(), "inner") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h = NewMarketplace(market, Options{Checks: []Check{{"database", func(context.Context) error { panic("bug") }}}})
	w = ask(t, h, "GET", "/readyz", "")
	if checks := checksOf(t, w.Body.Bytes()); w.Code != 503 || checks["catalog"] != "ok" || strings.Contains(checks["database"], "bug") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A check that costs something runs at most once in a time, and not for nobody;
// one that gave up waiting does not decide for the others.
func TestRemember(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		c := Remember(Check{"database", func(ctx context.Context) error {
			runs++
			return ctx.Err()
		}}, 5*time.Second)
		left, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 {
			if err := c.Run(left); err != nil || runs != 1 {
				t.Errorf("%v after %d runs", err, runs)
			}
		}
		time.Sleep(5 * time.Second) // of the bubble's clock
		if err := c.Run(t.Context()); err != nil || runs != 2 {
			t.Errorf("later: %v after %d runs", err, runs)
		}
	})
}
