package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/e2e/graftup"
)

// site is Graft as an operator starts it, all roles of it in one process, with a
// registry of images beside it.
type site struct {
	*client.Client
	t         *testing.T
	prefix    string // of everything that is made in Docker
	registry  string // host:port
	dashboard string // URL
	market    string // URL
	token     string
}

// newSite starts Graft on free ports and an empty data directory.
func newSite(t *testing.T, args ...string) *site {
	t.Helper()
	s := &site{t: t, registry: dockertest.Registry(t), prefix: dockertest.Name(t)}
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	var environment []string
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		environment = append(environment, "DOCKER_HOST="+host)
	}
	process, err := graftup.Start(graftup.Options{
		Binary: common.graft, Dir: dir, Env: environment,
		Args: append([]string{
			"--data-dir", data, "--log-level", "debug", "--allow-registry", s.registry,
			"--marketplace-listen", "127.0.0.1:0", "--engine-listen", "127.0.0.1:0", "--dashboard-listen", "127.0.0.1:0",
			"--project", s.prefix + "-root", "--network", s.prefix + "-oakestra",
		}, args...),
	})
	if err != nil {
		log, _ := os.ReadFile(graftup.Log(dir))
		t.Fatalf("%v\n%s", err, log)
	}
	t.Cleanup(func() {
		if state := process.End(syscall.SIGTERM); state.ExitCode() != 0 {
			t.Errorf("graft ended with %v after SIGTERM", state)
		}
		if t.Failed() {
			log, _ := os.ReadFile(graftup.Log(dir))
			t.Logf("the log of graft:\n%s", log)
		}
	})
	token, err := os.ReadFile(filepath.Join(data, "token"))
	if err != nil {
		t.Fatal(err)
	}
	s.dashboard, s.token = process.URLs["dashboard"], strings.TrimSpace(string(token))
	s.market = process.URLs["marketplace"]
	s.Client, err = client.New(client.Options{
		Marketplace: s.market, Engine: process.URLs["engine"], Token: s.token,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tab opens a tab on the dashboard, of somebody who is not signed in. Its pictures
// are kept in the directory that GRAFT_SCREENSHOTS names, if it does.
func (s *site) tab() *tab {
	s.t.Helper()
	p := newTab(s.t, s.dashboard)
	p.album = os.Getenv("GRAFT_SCREENSHOTS")
	return p
}

// image pushes a new image with the test program in it, and returns its name.
func (s *site) image(name string, environment ...string) string {
	s.t.Helper()
	return dockertest.Push(s.t, dockertest.Build(s.t, environment...), s.registry+"/"+name+":1").Tag
}

// descriptor describes an addon with one service, whose name begins with the
// site's prefix.
func (s *site) descriptor(name, image string) string {
	return fmt.Sprintf(`{"name":"%s-%s","description":"What %s does.","services":[{"service_name":%q,"image":%q}]}`,
		s.prefix, name, name, s.prefix+"-"+name, image)
}

// publish publishes a descriptor and returns the addon once it is approved.
func (s *site) publish(descriptor string) *graft.Addon {
	s.t.Helper()
	addon, err := s.verified([]byte(descriptor))
	if err != nil {
		s.t.Fatal(err)
	}
	if addon.Status != graft.AddonApproved {
		s.t.Fatalf("%s is %s: %+v", addon.Name, addon.Status, addon.Verification)
	}
	return addon
}

// submit publishes an addon that then waits for a reviewer.
func (s *site) submit(d *graft.Descriptor) *graft.Addon {
	s.t.Helper()
	addon, err := s.verified(s.document(d))
	if err != nil || addon.Status != graft.AddonUnderReview {
		s.t.Fatalf("it does not wait for a reviewer: %+v, %v", addon, err)
	}
	return addon
}

// verified publishes a descriptor and returns the addon once its images were looked
// at.
func (s *site) verified(descriptor []byte) (*graft.Addon, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	addon, err := s.Publish(ctx, descriptor)
	for err == nil && addon.Status == graft.AddonUnderReview && (addon.Verification == nil || !addon.Verification.WaitsForReview) {
		addon, err = s.WaitAddon(ctx, addon.ID, addon.Revision)
	}
	return addon, err
}

// document is a descriptor as it is published.
func (s *site) document(d *graft.Descriptor) []byte {
	s.t.Helper()
	d.SetDefaults()
	document, err := json.Marshal(d)
	if err != nil {
		s.t.Fatal(err)
	}
	return document
}

// installed installs an addon, with consent to what it needs, and returns it once it
// is active.
func (s *site) installed(addon *graft.Addon, consent []string) *graft.Installation {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	inst, err := s.InstallWith(ctx, graft.InstallRequest{MarketplaceID: addon.ID, Consent: consent})
	for err == nil && inst.Status != graft.StatusActive {
		if inst.Status == graft.StatusFailed && inst.Details.GaveUp {
			s.t.Fatalf("%s failed: %+v\n%s", addon.Name, inst.Details, inst.Logs)
		}
		inst, err = s.WaitInstallation(ctx, inst.ID, inst.Revision)
	}
	if err != nil {
		s.t.Fatalf("install %s: %v", addon.Name, err)
	}
	return inst
}
