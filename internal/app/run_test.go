package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/store"
)

// What a request does that is in flight when the process is to end is done, and
// is written down.
func TestShutdownKeepsEventsOfRequestsInFlight(t *testing.T) {
	t.Parallel()
	const image = "example.org/hello@sha256:0000000000000000000000000000000000000000000000000000000000000001"
	asked, answer := make(chan struct{}), make(chan struct{})
	market := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(graft.Addon{
			ID:           "6b0342fd771242bc7f1c506c",
			Descriptor:   graft.Descriptor{Name: "hello", Services: []graft.Service{{Name: "web", Image: "example.org/hello"}}},
			Status:       graft.AddonApproved,
			Verification: &graft.Verification{Images: []graft.ImageReport{{Service: "web", Image: image, Digest: image[len(image)-71:]}}},
		})
	}))
	t.Cleanup(market.Close)
	o := options(t)
	o.Roles, o.Marketplace, o.Auth = []string{app.RoleEngine}, market.URL, app.AuthNone
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()

	installed := make(chan error, 1)
	go func() {
		c, err := client.New(client.Options{Engine: a.URLs()[app.RoleEngine]})
		if err == nil {
			_, err = c.Install(t.Context(), "6b0342fd771242bc7f1c506c")
		}
		installed <- err
	}()
	<-asked
	untilItStops := follow(t, a.URLs()[app.RoleEngine]+"/api/v1/events")
	cancel()
	untilItStops()
	close(answer)
	if err := <-installed; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}

	db, err := store.Open(t.Context(), o.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	events, err := db.Events(t.Context(), "", 0, 100)
	if err != nil || !slices.ContainsFunc(events, func(e graft.Event) bool { return e.Type == graft.EventInstalled }) {
		t.Errorf("events %+v, %v", events, err)
	}
}

// A runtime that hangs, and a request that waits for it, don't keep the process.
func TestShutdownWhileTheRuntimeHangs(t *testing.T) {
	t.Parallel()
	runtime := fake.New(nil)
	asked := make(chan struct{}, 100)
	runtime.OnCall(func(op, _ string) error {
		if op == "observe" {
			asked <- struct{}{}
			return fake.ErrHang
		}
		return nil
	})
	o := options(t)
	o.Driver, o.Auth = runtime, app.AuthNone
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-asked // by the engine itself
	answered := make(chan error, 1)
	go func() {
		c, err := client.New(client.Options{Engine: a.URLs()[app.RoleEngine]})
		if err == nil {
			_, err = c.Components(t.Context())
		}
		answered <- err
	}()
	<-asked
	begin := time.Now()
	cancel()
	if err := <-ended; err != nil || time.Since(begin) > 10*time.Second { // servers have four, what hangs would have thirty
		t.Errorf("Run ended after %s: %v", time.Since(begin), err)
	}
	if err := <-answered; err == nil {
		t.Error("the request was answered")
	}
}

// follow begins to read a stream; the function that it returns reads it to its
// end.
func follow(t *testing.T, url string) (toTheEnd func()) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Error(err)
		}
	}
}
