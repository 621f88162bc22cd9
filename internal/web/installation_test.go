package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// An engine that was killed between the end of an installation and its last event
// leaves a page all the same; an id that was never one's has none.
func TestPageOfWhatWasForgotten(t *testing.T) {
	t.Parallel()
	const forgotten, never = "65f000000000000000000001", "65f000000000000000000002"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if r.URL.Path == "/api/v1/addons/"+forgotten+"/events" {
			_, _ = w.Write([]byte("id: 7\ndata: {\"type\":\"outcome\"}\n\n")) // the client finds out
		}
	}))
	t.Cleanup(server.Close)
	engine, err := client.New(client.Options{Engine: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{forgotten: true, never: false} {
		if got := was(t.Context(), engine, id); got != want {
			t.Errorf("%s: %v", id, got)
		}
	}
}

// What is in the middle of something may have containers, of which is only known
// what they are when that is done.
func TestServicesMeanwhile(t *testing.T) {
	t.Parallel()
	const meanwhile, none = "What becomes of its containers is shown when this is done.", "It has no containers just now."
	a, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	p, err := loadPages(a)
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[graft.InstallationStatus]string{
		graft.StatusInstalling: meanwhile, graft.StatusDisabling: meanwhile, graft.StatusDisabled: none, graft.StatusFailed: none,
	} {
		inst := &graft.Installation{ID: "65f000000000000000000001", Status: status}
		html, err := p.part("installation", "live", &installation{installedAddon: withUsage(inst, nil, as("ann")), Diagram: drawInstalled(inst)})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{meanwhile, none} {
			if strings.Contains(string(html), text) != (text == want) {
				t.Errorf("%s: %s", status, html)
			}
		}
	}
}
