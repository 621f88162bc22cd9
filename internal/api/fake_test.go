package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

const someID = "6b0342fd771242bc7f1c506c"

// fakeMarket answers with what its fields say; err, if set, wins.
type fakeMarket struct {
	err    error
	addon  *graft.Addon
	list   []string
	name   string                        // what EachApproved was asked for
	during func(context.Context)         // runs in WaitAddon
	each   func(written int) (err error) // runs after each document
	query  []graft.AddonQuery            // what Page was asked for
	next   string                        // cursor that Page answers once
	by     graft.Principal
	review graft.ReviewRequest
	text   string // what by said, or the range of versions that was asked for
}

func (m *fakeMarket) Publish(_ context.Context, by graft.Principal, d *graft.Descriptor, warnings graft.Problems) (*graft.Addon, error) {
	if m.err != nil {
		return nil, m.err
	}
	return &graft.Addon{ID: someID, Descriptor: *d, Status: graft.AddonUnderReview, Publisher: by.Name, Warnings: warnings, Revision: 1}, nil
}

func (m *fakeMarket) Addon(context.Context, string) (*graft.Addon, error) { return m.addon, m.err }

func (m *fakeMarket) WaitAddon(ctx context.Context, _ string, _ int64) (*graft.Addon, error) {
	if m.during != nil {
		m.during(ctx)
	}
	return m.addon, m.err
}

func (m *fakeMarket) EachApproved(_ context.Context, name string, fn func([]byte) error) error {
	m.name = name
	for i, document := range m.list {
		if err := fn([]byte(document)); err != nil {
			return err
		}
		if m.each != nil {
			if err := m.each(i + 1); err != nil {
				return err
			}
		}
	}
	return m.err
}

func (m *fakeMarket) Page(_ context.Context, q *graft.AddonQuery) ([]string, string, error) {
	m.query = append(m.query, *q)
	next := m.next
	m.next = ""
	return m.list, next, m.err
}

func (m *fakeMarket) Delete(context.Context, graft.Principal, string) error { return m.err }

func (m *fakeMarket) Verify(context.Context, graft.Principal, string) (*graft.Addon, error) {
	return m.addon, m.err
}

func (m *fakeMarket) Yank(_ context.Context, by graft.Principal, _, message string) (*graft.Addon, error) {
	return m.said(by, message)
}

func (m *fakeMarket) Unyank(context.Context, graft.Principal, string) (*graft.Addon, error) {
	return m.addon, m.err
}

func (m *fakeMarket) Deprecate(_ context.Context, by graft.Principal, _, message string) (*graft.Addon, error) {
	return m.said(by, message)
}

func (m *fakeMarket) Undeprecate(context.Context, graft.Principal, string) (*graft.Addon, error) {
	return m.addon, m.err
}

func (m *fakeMarket) Approve(_ context.Context, by graft.Principal, _ string, request graft.ReviewRequest) (*graft.Addon, error) {
	m.review = request
	return m.said(by, request.Reason)
}

func (m *fakeMarket) Reject(_ context.Context, by graft.Principal, _ string, request graft.ReviewRequest) (*graft.Addon, error) {
	m.review = request
	return m.said(by, request.Reason)
}

func (m *fakeMarket) said(by graft.Principal, text string) (*graft.Addon, error) {
	m.by, m.text = by, text
	return m.addon, m.err
}

func (m *fakeMarket) Name(_ context.Context, name string) (*graft.Name, error) {
	return &graft.Name{Name: name}, m.err
}

func (m *fakeMarket) SetPublisher(_ context.Context, name, publisher string) (*graft.Name, error) {
	return &graft.Name{Name: name, Publisher: publisher}, m.err
}

func (m *fakeMarket) Versions(context.Context, string) ([]graft.Version, error) {
	return []graft.Version{{ID: someID, Version: "1.0.0"}}, m.err
}

func (m *fakeMarket) Choose(_ context.Context, name, versionRange string) (*graft.Addon, error) {
	m.name, m.text = name, versionRange
	return m.addon, m.err
}

// fakeEngine likewise.
type fakeEngine struct {
	err     error
	inst    *graft.Installation
	list    []graft.Installation
	desired graft.DesiredState
	status  string
	removed bool
	kept    bool                 // data was to be kept
	whole   bool                 // Uninstall was called
	asked   graft.InstallRequest // of Install, Upgrade and their plans
	policy  graft.Policy         // that was set
	usage   []graft.ServiceUsage
	during  func(context.Context) // runs in WaitInstallation
	output  func(ctx context.Context, service string, o driver.LogOptions, w io.Writer) error

	oldest, newest, last int64                       // EventRange
	past                 []graft.Event               // PastEvents
	pastFails            func(context.Context) error // in place of PastEvents, if not nil
	coming               func(telling) error         // Events; nil: none come
}

// telling is how Events was called.
type telling struct {
	ctx   context.Context
	id    string
	after int64
	tell  func(graft.Event) error
}

func (e *fakeEngine) Install(_ context.Context, request graft.InstallRequest) (*graft.Installation, error) {
	e.asked = request
	if e.err != nil {
		return nil, e.err
	}
	return &graft.Installation{ID: someID, MarketplaceID: request.MarketplaceID, Status: graft.StatusInstalling}, nil
}

func (e *fakeEngine) PlanInstall(_ context.Context, request graft.InstallRequest) (*graft.Plan, error) {
	e.asked = request
	return &graft.Plan{
		Addon: "a", Hash: "sha256:0", Refusal: "why", Operations: []graft.Operation{{Kind: "pull", Target: "i", Cause: "c"}},
		Images:    []graft.PlannedImage{{Image: "i", Services: []string{"s"}, Size: 1}},
		Swaps:     []graft.PlannedSwap{{Component: "c", Service: "s", Back: true, Way: graft.SwapCold, Reason: "r"}},
		Volumes:   []graft.PlannedVolume{{Name: "root_a_data", Fate: graft.VolumeTakenOver}},
		Conflicts: []graft.PlannedConflict{{Kind: "port", Name: "80/tcp", Holder: "h", Text: "t"}},
		Warnings:  []string{"w"},
		Rights:    []graft.Right{graft.HostNetwork("s", "w")}, Risk: graft.RiskHigh,
		Missing: []graft.Right{graft.HostNetwork("s", "w")}, Denied: []graft.Right{graft.ReplacesComponent("s", "c")},
	}, e.err
}

func (e *fakeEngine) Upgrade(_ context.Context, id string, request graft.InstallRequest) (*graft.Installation, error) {
	e.asked = request
	return &graft.Installation{ID: id, MarketplaceID: request.MarketplaceID, Status: graft.StatusInstalling}, e.err
}

func (e *fakeEngine) PlanUpgrade(ctx context.Context, _ string, request graft.InstallRequest) (*graft.Plan, error) {
	plan, err := e.PlanInstall(ctx, request)
	plan.Upgrade = &graft.PlannedUpgrade{From: "1.0.0", To: "2.0.0", NewRights: plan.Rights, LostRights: plan.Denied}
	return plan, err
}

func (e *fakeEngine) Installation(context.Context, string) (*graft.Installation, error) {
	return e.inst, e.err
}

func (e *fakeEngine) WaitInstallation(ctx context.Context, _ string, _ int64) (*graft.Installation, error) {
	if e.during != nil {
		e.during(ctx)
	}
	return e.inst, e.err
}

func (e *fakeEngine) Installations(_ context.Context, status string) ([]graft.Installation, error) {
	e.status = status
	return slices.Clone(e.list), e.err
}

func (e *fakeEngine) SetDesired(_ context.Context, _ string, desired graft.DesiredState) (*graft.Installation, error) {
	e.desired = desired
	return e.inst, e.err
}

func (e *fakeEngine) Delete(_ context.Context, _ string, keepData bool) (*graft.Installation, error) {
	e.kept = keepData
	if e.removed {
		return nil, e.err
	}
	return e.inst, e.err
}

func (e *fakeEngine) Uninstall(ctx context.Context, id string, keepData bool) (*graft.Installation, error) {
	e.whole = true
	return e.Delete(ctx, id, keepData)
}

func (e *fakeEngine) PlanRemoval(_ context.Context, _ string, keepData bool) (*graft.Plan, error) {
	e.kept = keepData
	return &graft.Plan{Addon: "a", Volumes: []graft.PlannedVolume{{Name: "root_a_data", Fate: graft.VolumeKept}}}, e.err
}

func (e *fakeEngine) Plan(context.Context, string) (*graft.Plan, error) {
	return &graft.Plan{Addon: "a"}, e.err
}

func (e *fakeEngine) Policy(context.Context) (*graft.Policy, error) {
	return graft.DefaultPolicy(), e.err
}

func (e *fakeEngine) SetPolicy(_ context.Context, policy graft.Policy) (*graft.Policy, error) {
	e.policy = policy
	policy.SetDefaults()
	return &policy, e.err
}

func (e *fakeEngine) Components(context.Context) ([]graft.Component, error) { return nil, e.err }

func (e *fakeEngine) Stats(context.Context) ([]graft.ServiceUsage, error) { return e.usage, e.err }

func (e *fakeEngine) Logs(ctx context.Context, _, service string, o driver.LogOptions, w io.Writer) error {
	if e.output != nil {
		return e.output(ctx, service, o, w)
	}
	return e.err
}

func (e *fakeEngine) Events(ctx context.Context, id string, after int64, fn func(graft.Event) error) error {
	if e.coming != nil {
		return e.coming(telling{ctx, id, after, fn})
	}
	return e.err
}

func (e *fakeEngine) PastEvents(ctx context.Context, id string, after int64, fn func(graft.Event) error) error {
	if e.pastFails != nil {
		return e.pastFails(ctx)
	}
	for _, event := range e.past {
		if event.ID <= after || id != "" && id != event.InstallationID {
			continue
		}
		if err := fn(event); err != nil {
			return err
		}
	}
	return e.err
}

func (e *fakeEngine) EventBefore(_ context.Context, _ string, n int) (int64, error) {
	return max(e.newest-int64(n), 0), e.err
}

func (e *fakeEngine) EventRange(context.Context, string) (oldest, newest, end int64, err error) {
	return e.oldest, e.newest, e.last, e.err
}

func (e *fakeEngine) Ready(context.Context) error { return e.err }

func newFakes() (*fakeMarket, *fakeEngine) {
	return &fakeMarket{addon: &graft.Addon{ID: someID, Status: graft.AddonApproved}},
		&fakeEngine{inst: &graft.Installation{ID: someID, Desired: graft.DesiredEnabled, Status: graft.StatusActive}}
}

// ask sends a request to a handler. Headers come as name and value.
func ask(t *testing.T, h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// errorOf decodes an error body and holds it to the contract.
func errorOf(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("error body %q: %v", w.Body, err)
	}
	if kind := w.Header().Get("Content-Type"); kind != "application/json" {
		t.Errorf("error has content type %q", kind)
	}
	if body["code"] != float64(w.Code) || body["status"] != http.StatusText(w.Code) || body["error_code"] == nil {
		t.Errorf("status %d with error body %s", w.Code, w.Body)
	}
	return body
}
