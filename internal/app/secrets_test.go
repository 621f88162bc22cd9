package app_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/registrytest"
)

// lockedLog is a log that is read while it is written.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestSecretsAreNotLogged: whatever becomes of an addon, the values of its
// environment, the token, and what clients send as one are not in the log.
func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	const secret, wrong = "s3cr3t-value", "wr0ng-token"
	var log lockedLog
	runtime := fake.New(nil)
	runtime.AddImage(fake.AnyImage, fake.Behaviour{Output: "hello\n"})
	o := options(t)
	o.Driver, o.RegistryListen = runtime, "127.0.0.1:0"
	o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := start(t, o)
	urls := a.URLs()
	registry := strings.TrimPrefix(urls["registry"], "http://")
	registrytest.Push(t, registry+"/good:1", registrytest.Image(t, "linux/amd64"))
	c, err := client.New(client.Options{Marketplace: urls[app.RoleMarketplace], Engine: urls[app.RoleEngine], Token: a.Token()})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(name string) *graft.Addon {
		addon, err := c.Publish(t.Context(), []byte(`{"name":"`+name+`","services":[{"service_name":"`+name+`","image":"`+registry+`/good:1",
			"environment":{"PASSWORD":"`+secret+`"},"command":"run --password `+secret+`"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		for addon.Status == graft.AddonUnderReview {
			if addon, err = c.WaitAddon(t.Context(), addon.ID, addon.Revision); err != nil {
				t.Fatal(err)
			}
		}
		return addon
	}
	inst, err := c.Install(t.Context(), publish("works").ID)
	if err != nil {
		t.Fatal(err)
	}
	await(t, c, inst, graft.StatusActive)
	runtime.FailNext("start", errors.New("it does not start"))
	if inst, err = c.Install(t.Context(), publish("fails").ID); err != nil {
		t.Fatal(err)
	}
	for inst.Status == graft.StatusInstalling {
		if inst, err = c.WaitInstallation(t.Context(), inst.ID, inst.Revision); err != nil {
			t.Fatal(err)
		}
	}
	for _, url := range []string{urls[app.RoleMarketplace] + "/api/v1/marketplace/addons", urls[app.RoleEngine] + "/api/v1/addons?token=" + wrong} {
		if code, _ := ask(t, http.MethodPost, url, "", "Authorization", "Bearer "+wrong); code != http.StatusUnauthorized {
			t.Errorf("%s: %d", url, code)
		}
	}
	said := log.String()
	for _, must := range []string{"addon published", "fails", "/api/v1/addons"} {
		if !strings.Contains(said, must) {
			t.Errorf("the log does not tell of %q: it can't prove anything", must)
		}
	}
	for what, text := range map[string]string{"a value of an environment": secret, "a wrong token": wrong, "the token": a.Token()} {
		for line := range strings.Lines(said) {
			if strings.Contains(line, text) {
				t.Errorf("%s is in the log: %s", what, line)
			}
		}
	}
}

// Passwords in settings that are URLs are in no error, either.
func TestPasswordsOfSettingsAreNotTold(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	for what, change := range map[string]func(*app.Options){
		"marketplace": func(o *app.Options) { o.Marketplace = "http://ann:" + secret + "@127.0.0.1:1" },
		"no URL":      func(o *app.Options) { o.Marketplace = "http://ann:" + secret + "@127.0.0.1:x" },
		"docker host": func(o *app.Options) { o.Driver, o.DockerHost = nil, "ssh://ann:"+secret+"@127.0.0.1:x" },
		"traces":      func(o *app.Options) { o.Traces = "http://ann:" + secret + "@127.0.0.1:x" },
		"registry":    func(o *app.Options) { o.AllowRegistries = []string{"ann:" + secret + "@127.0.0.1"} },
		"host":        func(o *app.Options) { o.AllowedHosts = []string{"http://ann:" + secret + "@127.0.0.1"} },
	} {
		o := options(t)
		change(&o)
		_, err := app.New(t.Context(), o)
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(graft.ErrorMessage(err), secret) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
