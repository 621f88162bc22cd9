package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/registrytest"
)

// site is a whole Graft with a runtime of its own, and a registry with one image.
type site struct {
	t      *testing.T
	app    *app.App
	client *client.Client
	image  string
	url    string // of the dashboard
	stop   func() // ends it, and returns when it has ended
}

func newSite(t *testing.T, change func(*app.Options)) *site {
	t.Helper()
	runtime := fake.New(nil)
	runtime.AddImage(fake.AnyImage, fake.Behaviour{Output: "hello from inside\n"})
	o := app.Options{
		DataDir: filepath.Join(t.TempDir(), "data"), Driver: runtime,
		MarketplaceListen: "127.0.0.1:0", EngineListen: "127.0.0.1:0", DashboardListen: "127.0.0.1:0",
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	s := &site{t: t, image: pushedImage(t)}
	o.AllowRegistries = []string{strings.Split(s.image, "/")[0]}
	if change != nil {
		change(&o)
	}
	var err error
	if s.app, err = app.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.app.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(s.stop)
	urls := s.app.URLs()
	s.url = urls[app.RoleDashboard]
	s.client = s.as(s.app.Token())
	return s
}

// as is a client with a token.
func (s *site) as(token string) *client.Client {
	s.t.Helper()
	urls := s.app.URLs()
	c, err := client.New(client.Options{Marketplace: urls[app.RoleMarketplace], Engine: urls[app.RoleEngine], Token: token})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// pushedImage is an image in a registry of the test's own.
func pushedImage(t *testing.T) string {
	t.Helper()
	image := registrytest.New(t) + "/hello:1"
	registrytest.Push(t, image, registrytest.Image(t, "linux/amd64"))
	return image
}

// publish publishes a descriptor and returns the approved addon.
func (s *site) publish(d graft.Descriptor) *graft.Addon {
	s.t.Helper()
	d.SetDefaults()
	document, err := json.Marshal(d)
	if err != nil {
		s.t.Fatal(err)
	}
	addon, err := s.client.Publish(s.t.Context(), document)
	for err == nil && addon.Status == graft.AddonUnderReview {
		addon, err = s.client.WaitAddon(s.t.Context(), addon.ID, addon.Revision)
	}
	if err != nil || addon.Status != graft.AddonApproved {
		s.t.Fatalf("publish: %+v, %v", addon, err)
	}
	return addon
}

// hello is a descriptor with one service.
func (s *site) hello() graft.Descriptor {
	return graft.Descriptor{
		Name: "hello", Version: "1.0.0", Description: "says hello",
		Services: []graft.Service{{Name: "greeter", Image: s.image, Environment: map[string]string{
			"GREETING": "good day", "DB_PASSWORD": "hunter2-in-env", "DATABASE": "postgres://u:hunter2-in-url@db/x",
		}}},
	}
}

// await waits for an installation's status.
func (s *site) await(id string, status graft.InstallationStatus) {
	s.t.Helper()
	inst, err := s.client.Installation(s.t.Context(), id)
	for err == nil && inst.Status != status {
		inst, err = s.client.WaitInstallation(s.t.Context(), id, inst.Revision)
	}
	if err != nil {
		s.t.Fatalf("waiting for %s: %v", status, err)
	}
}

// visitor is a browser without scripts.
type visitor struct {
	t    *testing.T
	url  string
	http *http.Client
}

func (s *site) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &visitor{t: s.t, url: s.url, http: &http.Client{Jar: jar}}
}

// signedIn is a visitor with a token.
func (s *site) signedIn(token string) *visitor {
	s.t.Helper()
	v := s.visitor()
	if p := v.post("/sign-in", url.Values{"token": {token}}); p.status != http.StatusOK || p.path != "/" {
		s.t.Fatalf("sign-in: %d at %s: %s", p.status, p.path, p.body)
	}
	return v
}

// shown is a page as it came, after redirects.
type shown struct {
	status int
	path   string
	body   string
	header http.Header
}

func (p shown) has(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("%s lacks %q:\n%s", p.path, text, p.body)
		}
	}
}

func (p shown) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(p.body, text) {
			t.Errorf("%s has %q", p.path, text)
		}
	}
}

func (v *visitor) get(path string) shown { return v.send(http.MethodGet, path, nil, nil) }

func (v *visitor) post(path string, form url.Values) shown {
	return v.send(http.MethodPost, path, form, map[string]string{"Origin": v.url})
}

func (v *visitor) send(method, path string, form url.Values, header map[string]string) shown {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return shown{response.StatusCode, response.Request.URL.RequestURI(), string(body), response.Header}
}

// follow reads a stream until a line has that text.
func (v *visitor) follow(path, text string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.url+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	response, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	v.t.Errorf("%s ends without %q: %v", path, text, lines.Err())
}
