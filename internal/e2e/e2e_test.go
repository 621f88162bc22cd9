// Package e2e_test drives whole programs as their users would: through the HTTP
// API with the client package, on a real Docker Engine with a real registry.
package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/dockertest"
)

// patience bounds every wait; a test that gets so far has failed.
const patience = 2 * time.Minute

// site is a host with Graft on it: one marketplace, an engine for each plane
// that was started.
type site struct {
	t        *testing.T
	prefix   string // of everything that is made in Docker
	docker   *docker.Client
	registry string
	market   string // URL
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, docker: dockertest.Client(t), registry: dockertest.Registry(t)}
	s.prefix = dockertest.Name(t)
	return s
}

// process is one running "graft up", and a client of it.
type process struct {
	*client.Client
	t    *testing.T
	stop func()
}

// up starts Graft with a data directory; the first one of a site has the
// marketplace.
func (s *site) up(plane graft.Plane, dir string, roles ...string) *process {
	s.t.Helper()
	a, err := app.New(s.t.Context(), app.Options{
		Roles: roles, Plane: plane, DataDir: dir, Marketplace: s.market,
		MarketplaceListen: "127.0.0.1:0", EngineListen: "127.0.0.1:0", DashboardListen: "127.0.0.1:0",
		Project: s.prefix + "-" + string(plane), Network: s.prefix + "-oakestra",
		Log: slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := a.Run(ctx); err != nil {
			s.t.Error(err)
		}
	}()
	stop := func() { cancel(); <-ended }
	s.t.Cleanup(stop)
	urls := a.URLs()
	if s.market == "" {
		s.market = urls[app.RoleMarketplace]
	}
	c, err := client.New(client.Options{Marketplace: s.market, Engine: urls[app.RoleEngine], Token: a.Token()})
	if err != nil {
		s.t.Fatal(err)
	}
	return &process{Client: c, t: s.t, stop: stop}
}

// publish publishes a descriptor and returns the addon once it is verified.
func (p *process) publish(descriptor string) *graft.Addon {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	addon, err := p.Publish(ctx, []byte(descriptor))
	for err == nil && addon.Status == graft.AddonUnderReview {
		addon, err = p.WaitAddon(ctx, addon.ID, addon.Revision)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return addon
}

// install publishes a descriptor, installs it and waits for the status.
func (p *process) install(descriptor string, status graft.InstallationStatus) *graft.Installation {
	p.t.Helper()
	addon := p.publish(descriptor)
	if addon.Status != graft.AddonApproved {
		p.t.Fatalf("addon is %s: %+v", addon.Status, addon.Verification)
	}
	inst, err := p.Install(p.t.Context(), addon.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.await(inst.ID, status)
}

func (p *process) await(id string, status graft.InstallationStatus) *graft.Installation {
	p.t.Helper()
	return p.awaitThat(id, string(status), func(i *graft.Installation) bool {
		if i.Status != status && i.Details != nil && i.Details.GaveUp && i.Details.Step == "" {
			p.t.Fatalf("not %s but %s: %+v\n%s", status, i.Status, i.Details, i.Logs)
		}
		return i.Status == status
	})
}

func (p *process) awaitThat(id, what string, is func(*graft.Installation) bool) *graft.Installation {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	var since int64
	for {
		inst, err := p.WaitInstallation(ctx, id, since)
		if err != nil {
			p.t.Fatalf("while waiting for %s: %v", what, err)
		}
		if is(inst) {
			return inst
		}
		if ctx.Err() != nil {
			p.t.Fatalf("not %s but %s: %+v\n%s", what, inst.Status, inst.Details, inst.Logs)
		}
		since = inst.Revision
	}
}

func (p *process) uninstall(id string) {
	p.t.Helper()
	if removed, err := p.Delete(p.t.Context(), id); err != nil || removed {
		p.t.Fatalf("first delete: removed %v, %v", removed, err)
	}
	p.await(id, graft.StatusDisabled)
	if removed, err := p.Delete(p.t.Context(), id); err != nil || !removed {
		p.t.Fatalf("second delete: removed %v, %v", removed, err)
	}
}

// uninstallAtOnce is uninstall as one wish.
func (p *process) uninstallAtOnce(id string, keepData bool) {
	p.t.Helper()
	removed, err := p.Uninstall(p.t.Context(), id, keepData)
	if err != nil {
		p.t.Fatal(err)
	}
	if removed { // it was disabled
		return
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for since := int64(0); ; {
		inst, err := p.WaitInstallation(ctx, id, since)
		if graft.ErrorCode(err) == graft.CodeNotFound {
			return
		}
		if err != nil {
			p.t.Fatalf("it does not go: %v", err)
		}
		since = inst.Revision
	}
}

// get returns what a published port answers, "" while it does not.
func get(ctx context.Context, port string) string {
	return fetch(ctx, "http://127.0.0.1:"+port+"/")
}

// answerTime is how long an answer may take: also one that is asked for once may be
// late on a machine that has much to do.
const answerTime = 10 * time.Second

// fetch returns what an address answers, "" while it does not.
func fetch(ctx context.Context, url string) string {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return ""
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(body))
}

// answers fails unless the port answers like that. A container's process may
// take a moment from its start to its first answer.
func answers(t *testing.T, port, want string) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for {
		got := get(t.Context(), port)
		if strings.Contains(got, want) {
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("port %s answers %q, want %q", port, got, want)
		}
	}
}

// inspect returns what Docker knows of a container, by id or name.
func (s *site) inspect(idOrName string) container.InspectResponse {
	s.t.Helper()
	result, err := s.docker.ContainerInspect(s.t.Context(), idOrName, docker.ContainerInspectOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	return result.Container
}

// nothingLeft fails if anything in Docker has a label or a name of this site's
// engines.
func (s *site) nothingLeft() {
	s.t.Helper()
	containers, err := s.docker.ContainerList(s.t.Context(), docker.ContainerListOptions{All: true})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range containers.Items {
		if strings.HasPrefix(c.Labels["com.docker.compose.project"], s.prefix) && c.Labels["graft.engine"] != "" {
			s.t.Errorf("container %v is left", c.Names)
		}
	}
	networks, err := s.docker.NetworkList(s.t.Context(), docker.NetworkListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range networks.Items {
		if strings.Contains(n.Name, s.prefix) {
			s.t.Errorf("network %s is left", n.Name)
		}
	}
	volumes, err := s.docker.VolumeList(s.t.Context(), docker.VolumeListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, v := range volumes.Items {
		if strings.Contains(v.Name, s.prefix) {
			s.t.Errorf("volume %s is left", v.Name)
		}
	}
}

// normalised returns what is to be the same of a container before and after a
// swap: everything but what changes with each start.
func (s *site) normalised(id string) map[string]any {
	s.t.Helper()
	raw, err := json.Marshal(s.inspect(id))
	if err != nil {
		s.t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		s.t.Fatal(err)
	}
	c["State"] = c["State"].(map[string]any)["Status"]
	for _, key := range []string{"RestartCount", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath"} {
		delete(c, key)
	}
	host := c["HostConfig"].(map[string]any)
	for _, key := range []string{"Dns", "DnsOptions", "DnsSearch"} {
		if list, _ := host[key].([]any); len(list) == 0 {
			host[key] = nil // the two are the same, and a daemon that starts writes the other
		}
	}
	settings := c["NetworkSettings"].(map[string]any)
	for _, key := range []string{"SandboxID", "SandboxKey", "EndpointID", "MacAddress", "IPAddress", "Gateway"} {
		delete(settings, key)
	}
	for _, n := range settings["Networks"].(map[string]any) {
		for _, key := range []string{"EndpointID", "MacAddress", "IPAddress"} {
			delete(n.(map[string]any), key)
		}
	}
	return c
}

// loosened leaves out what can't be the same of another container.
func loosened(c map[string]any) map[string]any {
	for _, key := range []string{"Id", "Created", "GraphDriver"} {
		delete(c, key)
	}
	delete(c["Config"].(map[string]any), "Hostname")
	delete(c["HostConfig"].(map[string]any), "NetworkMode") // the first network, however it was called
	shortID := regexp.MustCompile("^[0-9a-f]{12}$")
	for _, n := range c["NetworkSettings"].(map[string]any)["Networks"].(map[string]any) {
		endpoint := n.(map[string]any)
		aliases, _ := endpoint["Aliases"].([]any)
		var names []string
		for _, alias := range aliases {
			if name := alias.(string); !shortID.MatchString(name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		endpoint["Aliases"] = names
	}
	return c
}

// service describes one service.
func service(name, image string, more ...string) string {
	fields := append([]string{fmt.Sprintf(`"service_name":%q,"image":%q`, name, image)}, more...)
	return "{" + strings.Join(fields, ",") + "}"
}

// addon describes an addon of the site's own.
func (s *site) addon(name string, services ...string) string {
	return fmt.Sprintf(`{"name":%q,"services":[%s]}`, s.prefix+"-"+name, strings.Join(services, ","))
}
