package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

const (
	addonID        = "6b0342fd771242bc7f1c506c"
	installationID = "6b0342fd771242bc7f1c5070"
)

// serve returns a client of a server that answers everything with handler.
func serve(t *testing.T, handler http.HandlerFunc) (*client.Client, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := client.New(client.Options{Marketplace: server.URL, Engine: server.URL + "/", Token: "secret", UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c, server.URL
}

// answer returns a handler that always answers the same.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	addon, installation := `{"_id":"`+addonID+`"}`, `{"_id":"`+installationID+`","revision":9}`
	tests := []struct {
		name    string
		call    func(context.Context, *client.Client) error
		status  int
		answer  string
		request string // method, URI and body
	}{
		{"Publish", func(ctx context.Context, c *client.Client) error {
			_, err := c.Publish(ctx, []byte(`{"name":"a"}`))
			return err
		}, 201, addon, `POST /api/v1/marketplace/addons {"name":"a"}`},
		{"Addon", func(ctx context.Context, c *client.Client) error {
			_, err := c.Addon(ctx, strings.ToUpper(addonID))
			return err
		}, 200, addon, `GET /api/v1/marketplace/addons/` + addonID + ` `},
		{"Addons", func(ctx context.Context, c *client.Client) error {
			addons, err := c.Addons(ctx, "a b&c")
			if len(addons) != 1 || addons[0].ID != addonID {
				t.Errorf("got addons %v", addons)
			}
			return err
		}, 200, `[` + addon + `]`, `GET /api/v1/marketplace/addons?name=a+b%26c `},
		{"Search", func(ctx context.Context, c *client.Client) error {
			page, err := c.Search(ctx, graft.AddonQuery{Text: "a b", Kind: graft.KindPlugin, Latest: true, Limit: 5, Cursor: "x"})
			if err == nil && (len(page.Addons) != 1 || page.Next != "") {
				t.Errorf("got %+v", page)
			}
			return err
		}, 200, `[` + addon + `]`, `GET /api/v1/marketplace/addons?cursor=x&kind=plugin&latest=true&limit=5&q=a+b `},
		{"WaitAddon", func(ctx context.Context, c *client.Client) error {
			_, err := c.WaitAddon(ctx, addonID, 0)
			return err
		}, 200, `{"_id":"` + addonID + `","revision":1}`, `GET /api/v1/marketplace/addons/` + addonID + `?since=0&timeout=30s `},
		{"DeleteAddon", func(ctx context.Context, c *client.Client) error {
			return c.DeleteAddon(ctx, addonID)
		}, 204, ``, `DELETE /api/v1/marketplace/addons/` + addonID + ` `},
		{"Name", func(ctx context.Context, c *client.Client) error {
			_, err := c.Name(ctx, "a b/c")
			return err
		}, 200, `{"name":"a b/c"}`, `GET /api/v1/marketplace/names/a%20b%2Fc `},
		{"SetPublisher", func(ctx context.Context, c *client.Client) error {
			_, err := c.SetPublisher(ctx, "a", "ann")
			return err
		}, 200, `{"name":"a"}`, `PATCH /api/v1/marketplace/names/a {"publisher":"ann"}`},
		{"Versions", func(ctx context.Context, c *client.Client) error {
			versions, err := c.Versions(ctx, "a")
			if len(versions) != 1 || versions[0].Version != "1.2.3" {
				t.Errorf("got %v", versions)
			}
			return err
		}, 200, `[{"version":"1.2.3"}]`, `GET /api/v1/marketplace/names/a/versions `},
		{"Choose", func(ctx context.Context, c *client.Client) error {
			_, err := c.Choose(ctx, "a", ">=1.2 <2")
			return err
		}, 200, addon, `GET /api/v1/marketplace/names/a/versions/%3E=1.2%20%3C2 `},
		{"Choose the latest", func(ctx context.Context, c *client.Client) error {
			_, err := c.Choose(ctx, "a", "")
			return err
		}, 200, addon, `GET /api/v1/marketplace/names/a/versions/latest `},
		{"VerifyAgain", func(ctx context.Context, c *client.Client) error {
			_, err := c.VerifyAgain(ctx, addonID)
			return err
		}, 200, addon, `POST /api/v1/marketplace/addons/` + addonID + `/verify `},
		{"Yank", func(ctx context.Context, c *client.Client) error {
			_, err := c.Yank(ctx, addonID, "broken")
			return err
		}, 200, addon, `POST /api/v1/marketplace/addons/` + addonID + `/yank {"message":"broken"}`},
		{"Unyank", func(ctx context.Context, c *client.Client) error {
			_, err := c.Unyank(ctx, addonID)
			return err
		}, 200, addon, `DELETE /api/v1/marketplace/addons/` + addonID + `/yank `},
		{"Deprecate", func(ctx context.Context, c *client.Client) error {
			_, err := c.Deprecate(ctx, addonID, "old")
			return err
		}, 200, addon, `POST /api/v1/marketplace/addons/` + addonID + `/deprecate {"message":"old"}`},
		{"Undeprecate", func(ctx context.Context, c *client.Client) error {
			_, err := c.Undeprecate(ctx, addonID)
			return err
		}, 200, addon, `DELETE /api/v1/marketplace/addons/` + addonID + `/deprecate `},
		{"Approve", func(ctx context.Context, c *client.Client) error {
			_, err := c.Approve(ctx, addonID, "fine")
			return err
		}, 200, addon, `POST /api/v1/marketplace/addons/` + addonID + `/approve {"reason":"fine"}`},
		{"ApproveWith", func(ctx context.Context, c *client.Client) error {
			_, err := c.ApproveWith(ctx, addonID, graft.ReviewRequest{Revision: 7})
			return err
		}, 200, addon, `POST /api/v1/marketplace/addons/` + addonID + `/approve {"revision":7}`},
		{"RejectWith", func(ctx context.Context, c *client.Client) error {
			_, err := c.RejectWith(ctx, addonID, graft.ReviewRequest{Reason: "bad", Revision: 7})
			return err
		}, 200, addon, `POST /api/v1/marketplace/addons/` + addonID + `/reject {"reason":"bad","revision":7}`},
		{"Reject", func(ctx context.Context, c *client.Client) error {
			_, err := c.Reject(ctx, addonID, "bad")
			return err
		}, 200, addon, `POST /api/v1/marketplace/addons/` + addonID + `/reject {"reason":"bad"}`},
		{"Install", func(ctx context.Context, c *client.Client) error {
			_, err := c.Install(ctx, addonID)
			return err
		}, 201, installation, `POST /api/v1/addons {"marketplace_id":"` + addonID + `"}`},
		{"InstallWith", func(ctx context.Context, c *client.Client) error {
			_, err := c.InstallWith(ctx, graft.InstallRequest{MarketplaceID: addonID, Supersede: true, Plan: "sha256:7a"})
			return err
		}, 201, installation, `POST /api/v1/addons {"marketplace_id":"` + addonID + `","supersede":true,"plan":"sha256:7a"}`},
		{"InstallWith consent", func(ctx context.Context, c *client.Client) error {
			_, err := c.InstallWith(ctx, graft.InstallRequest{MarketplaceID: addonID, Consent: []string{"privileged"}, By: "me"})
			return err
		}, 201, installation, `POST /api/v1/addons {"marketplace_id":"` + addonID + `","consent":["privileged"]}`},
		{"Policy", func(ctx context.Context, c *client.Client) error {
			policy, err := c.Policy(ctx)
			if err == nil && policy.Rights[graft.RightDevice] != graft.PolicyDeny {
				t.Errorf("got policy %+v", policy)
			}
			return err
		}, 200, `{"rights":{"device":"deny"},"registries":[],"host_paths":[]}`, `GET /api/v1/policy `},
		{"SetPolicy", func(ctx context.Context, c *client.Client) error {
			policy, err := c.SetPolicy(ctx, graft.Policy{HostPaths: []string{"/srv"}})
			if err == nil && len(policy.HostPaths) != 1 {
				t.Errorf("got policy %+v", policy)
			}
			return err
		}, 200, `{"rights":{},"registries":[],"host_paths":["/srv"]}`, `PUT /api/v1/policy {"rights":{"capability":"ask","device":"ask",` +
			`"docker_socket":"ask","foreign_registry":"ask","host_network":"ask","host_path":"ask","host_port":"allow","joins_network":"ask","privileged":"ask",` +
			`"replaces_component":"allow"},"registries":[],"host_paths":["/srv"]}`},
		{"PlanInstallWith", func(ctx context.Context, c *client.Client) error {
			plan, err := c.PlanInstallWith(ctx, graft.InstallRequest{MarketplaceID: addonID, Supersede: true})
			if err == nil && plan.Hash != "sha256:7a" {
				t.Errorf("got plan %+v", plan)
			}
			return err
		}, 200, `{"addon":"hello","hash":"sha256:7a"}`, `POST /api/v1/addons?dry_run=true {"marketplace_id":"` + addonID + `","supersede":true}`},
		{"PlanInstall", func(ctx context.Context, c *client.Client) error {
			plan, err := c.PlanInstall(ctx, addonID)
			if err == nil && plan.Addon != "hello" {
				t.Errorf("got plan %+v", plan)
			}
			return err
		}, 200, `{"addon":"hello"}`, `POST /api/v1/addons?dry_run=true {"marketplace_id":"` + addonID + `"}`},
		{"Installations", func(ctx context.Context, c *client.Client) error {
			_, err := c.Installations(ctx, graft.StatusActive)
			return err
		}, 200, `[` + installation + `]`, `GET /api/v1/addons?status=active `},
		{"Installation", func(ctx context.Context, c *client.Client) error {
			_, err := c.Installation(ctx, installationID)
			return err
		}, 200, installation, `GET /api/v1/addons/` + installationID + ` `},
		{"WaitInstallation", func(ctx context.Context, c *client.Client) error {
			_, err := c.WaitInstallation(ctx, installationID, 8)
			return err
		}, 200, installation, `GET /api/v1/addons/` + installationID + `?since=8&timeout=30s `},
		{"Disable", func(ctx context.Context, c *client.Client) error {
			_, err := c.Disable(ctx, installationID)
			return err
		}, 200, installation, `PATCH /api/v1/addons/` + installationID + ` {"status":"disabling"}`},
		{"Enable", func(ctx context.Context, c *client.Client) error {
			_, err := c.Enable(ctx, installationID)
			return err
		}, 200, installation, `PATCH /api/v1/addons/` + installationID + ` {"status":"installing"}`},
		{"Delete removes", func(ctx context.Context, c *client.Client) error {
			removed, err := c.Delete(ctx, installationID)
			if !removed {
				t.Error("204 is not reported as removed")
			}
			return err
		}, 204, ``, `DELETE /api/v1/addons/` + installationID + ` `},
		{"Delete disables", func(ctx context.Context, c *client.Client) error {
			removed, err := c.Delete(ctx, installationID)
			if removed {
				t.Error("200 is reported as removed")
			}
			return err
		}, 200, installation, `DELETE /api/v1/addons/` + installationID + ` `},
		{"PlanRemoval", func(ctx context.Context, c *client.Client) error {
			plan, err := c.PlanRemoval(ctx, installationID, true)
			if err == nil && (len(plan.Volumes) != 1 || plan.Volumes[0].Fate != graft.VolumeKept) {
				t.Errorf("got plan %+v", plan)
			}
			return err
		}, 200, `{"volumes":[{"name":"root_hello_data","fate":"kept"}]}`, `GET /api/v1/addons/` + installationID + `/plan?keep_data=true&uninstall=true `},
		{"PlanRemoval with the data", func(ctx context.Context, c *client.Client) error {
			_, err := c.PlanRemoval(ctx, installationID, false)
			return err
		}, 200, `{"volumes":[]}`, `GET /api/v1/addons/` + installationID + `/plan?uninstall=true `},
		{"Plan", func(ctx context.Context, c *client.Client) error {
			_, err := c.Plan(ctx, installationID)
			return err
		}, 200, `{}`, `GET /api/v1/addons/` + installationID + `/plan `},
		{"Components", func(ctx context.Context, c *client.Client) error {
			_, err := c.Components(ctx)
			return err
		}, 200, `[{"name":"mongo"}]`, `GET /api/v1/components `},
		{"Stats", func(ctx context.Context, c *client.Client) error {
			usage, err := c.Stats(ctx)
			if err == nil && (len(usage) != 1 || usage[0].Service != "web" || usage[0].CPUs != 0.25 || usage[0].Memory != 7) {
				t.Errorf("got %+v", usage)
			}
			return err
		}, 200, `[{"service_name":"web","cpus":0.25,"memory_bytes":7}]`, `GET /api/v1/stats `},
		{"Version", func(ctx context.Context, c *client.Client) error {
			v, err := c.Version(ctx, client.Engine)
			if err == nil && (v.Version != "v1" || v.Plane != graft.PlaneCluster) {
				t.Errorf("got %+v", v)
			}
			return err
		}, 200, `{"version":"v1","plane":"cluster"}`, `GET /api/v1/version `},
		{"Logs", func(ctx context.Context, c *client.Client) error {
			var out bytes.Buffer
			since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			err := c.Logs(ctx, installationID, client.LogOptions{Service: "web", Tail: 7, Since: since, Follow: true}, &out)
			if out.String() != "web | hi\n" {
				t.Errorf("got %q", out.String())
			}
			return err
		}, 200, "web | hi\n", `GET /api/v1/addons/` + installationID + `/logs?follow=true&service=web&since=2026-01-02T03%3A04%3A05Z&tail=7 `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var request string
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				request = r.Method + " " + r.RequestURI + " " + string(body)
				if got := r.Header.Get("Authorization") + ", " + r.UserAgent(); got != "Bearer secret, test" {
					t.Errorf("headers: %s", got)
				}
				answer(test.status, test.answer)(w, r)
			})
			if err := test.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if request != test.request {
				t.Errorf("got request\n%s\nwant\n%s", request, test.request)
			}
		})
	}
}

func TestSearchGoesOn(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("cursor") == "" {
			w.Header().Set("Link", `</api/v1/marketplace/addons?cursor=abc&limit=100>; rel="next"`)
		}
		_, _ = io.WriteString(w, "[]")
	})
	page, err := c.Search(t.Context(), graft.AddonQuery{})
	if err != nil || page.Next != "abc" {
		t.Fatalf("got %+v, %v", page, err)
	}
	if page, err = c.Search(t.Context(), graft.AddonQuery{Cursor: page.Next}); err != nil || page.Next != "" {
		t.Errorf("the last page: %+v, %v", page, err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		status  int
		body    string
		code    graft.Code
		message string // beginning of the error's text
	}{
		{"graft", 409, `{"code":409,"status":"Conflict","message":"taken","error_code":"refused"}`, graft.CodeRefused, "taken"},
		{"problems", 422, `{"code":422,"status":"Unprocessable Entity","error_code":"invalid","problems":[{"path":["services","0","image"],"message":"wrong"}]}`,
			graft.CodeInvalid, "services.0.image: wrong"},
		{"old errors", 422, `{"code":422,"status":"Unprocessable Entity","errors":{"json":{"services":{"10":{"image":["b"]},"2":{"image":["a"]}},"name":["c","d"]}}}`,
			graft.CodeInvalid, "name: c\nname: d\nservices.2.image: a\nservices.10.image: b"},
		{"old malformed", 400, `{"code":400,"status":"Bad Request","errors":{"json":["Invalid JSON body."]}}`, graft.CodeMalformed, "Invalid JSON body."},
		{"old exists", 400, `{"code":400,"status":"Bad Request","message":"Addon with marketplace-id - x already exists."}`, graft.CodeExists, "Addon with"},
		{"old not found", 404, `{"code":404,"status":"Not Found","message":"Addon not found"}`, graft.CodeNotFound, "Addon not found"},
		{"old fault", 500, `{"code":500,"status":"Internal Server Error"}`, graft.CodeInternal, "the marketplace at "},
		{"other server", 404, `<html>not found</html>`, graft.CodeUpstream, "the marketplace at "},
		{"other JSON", 404, `{"detail":"not found"}`, graft.CodeUpstream, "the marketplace at "},
		{"proxy", 503, `busy`, graft.CodeUnavailable, "the marketplace at "},
		{"proxy wants a token", 401, ``, graft.CodeUnauthorized, "the marketplace at "},
		{"other page", 200, `<html>hello</html>`, graft.CodeUpstream, "the marketplace at "},
		{"other document", 200, `{"hello":"world"}`, graft.CodeUpstream, "the marketplace at "},
		{"other addon", 200, `{"_id":"` + installationID + `"}`, graft.CodeUpstream, "the marketplace at "},
		{"nothing", 204, ``, graft.CodeUpstream, "the marketplace at "},
		{"huge", 200, `{"_id":"` + strings.Repeat("x", 9<<20) + `"}`, graft.CodeUpstream, "the marketplace at "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, _ := serve(t, answer(test.status, test.body))
			_, err := c.Addon(t.Context(), addonID)
			var e *graft.Error
			if !errors.As(err, &e) || e.Code != test.code || !strings.HasPrefix(e.Error(), test.message) {
				t.Errorf("got %q: %v, want %q: %s…", graft.ErrorCode(err), err, test.code, test.message)
			}
		})
	}
}

// An engine that does not know keep_data would remove the data: it is not asked to.
func TestDataIsKeptOrNothingIsDone(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		plan string
		code graft.Code
		want []string
	}{
		"kept": {`{"volumes":[]}`, "", []string{
			`GET /api/v1/addons/` + installationID + `/plan?keep_data=true&uninstall=true`, `DELETE /api/v1/addons/` + installationID + `?keep_data=true&uninstall=true`,
		}},
		"too old": {`{"operations":[]}`, graft.CodeUpstream, []string{`GET /api/v1/addons/` + installationID + `/plan?keep_data=true&uninstall=true`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = append(got, r.Method+" "+r.RequestURI)
				if r.Method == http.MethodDelete {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				_, _ = io.WriteString(w, x.plan)
			})
			removed, err := c.Uninstall(t.Context(), installationID, true)
			if graft.ErrorCode(err) != x.code || removed != (x.code == "") || !slices.Equal(got, x.want) {
				t.Errorf("removed %v, %v, after %q", removed, err, got)
			}
		})
	}
}

func TestMalformedIDsAreNotSent(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("got %s", r.RequestURI) })
	for _, id := range []string{"", "..", "../../other", addonID + "0", strings.Repeat("z", 24)} {
		if _, err := c.Installation(t.Context(), id); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("%q: got %v", id, err)
		}
		if err := c.DeleteAddon(t.Context(), id); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("%q: got %v", id, err)
		}
		if _, err := c.Install(t.Context(), id); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("%q: got %v", id, err)
		}
	}
}

func TestTokenStaysOnItsHost(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other server was asked, with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.RequestURI, http.StatusTemporaryRedirect)
	})
	_, err := c.Components(t.Context())
	if graft.ErrorCode(err) != graft.CodeUpstream || !strings.Contains(err.Error(), other.URL) {
		t.Errorf("got %v", err)
	}
}

func TestRedirectsOnOneHost(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/") {
			http.Redirect(w, r, r.URL.Path+"/", http.StatusPermanentRedirect)
			return
		}
		if r.Header.Get("Authorization") != "Bearer secret" {
			t.Error("no token after a redirect on one host")
		}
		_, _ = io.WriteString(w, `[]`)
	})
	if _, err := c.Components(t.Context()); err != nil {
		t.Error(err)
	}
	circle, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusPermanentRedirect)
	})
	if _, err := circle.Components(t.Context()); graft.ErrorCode(err) != graft.CodeUpstream {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	const nowhere = "http://127.0.0.1:1" // the system gives that port to nobody
	c, err := client.New(client.Options{Engine: nowhere})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Components(t.Context())
	var unreached *client.ConnectionError
	if graft.ErrorCode(err) != graft.CodeUnavailable || !errors.As(err, &unreached) {
		t.Fatalf("got %v", err)
	}
	if unreached.Server != client.Engine || unreached.URL != nowhere {
		t.Errorf("got %+v", unreached)
	}
	if _, err := c.Addon(t.Context(), addonID); graft.ErrorCode(err) != graft.CodeInvalid {
		t.Errorf("without a URL: got %v", err)
	}
}

func TestAnswerCutShort(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "[")
	})
	if _, err := c.Components(t.Context()); graft.ErrorCode(err) != graft.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestContextEndsAFollow(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "web | hi\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := c.Logs(ctx, installationID, client.LogOptions{Follow: true}, writerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	}))
	if graft.ErrorCode(err) != graft.CodeUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWriterFails(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	c, _ := serve(t, answer(200, "web | hi\n"))
	err := c.Logs(t.Context(), installationID, client.LogOptions{}, writerFunc(func([]byte) (int, error) { return 0, full }))
	if !errors.Is(err, full) || graft.ErrorCode(err) == graft.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []client.Options{
		{Engine: "127.0.0.1:11101"},
		{Engine: "ftp://host"},
		{Engine: "http://"},
		{Engine: "http://user:secret@host"},
		{Marketplace: "http://host/?x=1"},
		{Marketplace: "http://host:secret@x y"},
		{Token: "two words"},
		{Token: "line\nbreak"},
	} {
		_, err := client.New(o)
		if graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("%+v: got %v", o, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in %q", err)
		}
	}
}

// Which consent is missing can be read from the error.
func TestMissingConsent(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, answer(403, `{"code":403,"status":"Forbidden","error_code":"consent","message":"m",
		"rights":[{"kind":"host_path","target":"/srv","read_only":true,"level":"medium","dangerous":true,"text":"t"}]}`))
	_, err := c.Install(t.Context(), addonID)
	var e *graft.Error
	if !errors.As(err, &e) || e.Code != graft.CodeConsent || !slices.Equal(graft.GrantsFor(e.Rights), []string{"host_path:/srv:ro"}) {
		t.Errorf("error is %+v", err)
	}
}
