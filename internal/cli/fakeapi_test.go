package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
)

const fakeToken = "0123456789abcdef"

// fakeAPI answers as a marketplace and an engine do. What becomes of an addon
// goes by its name; each long poll sees one step more of it.
type fakeAPI struct {
	mu            sync.Mutex
	addons        []*graft.Addon
	installations []*graft.Installation
	removed       []*graft.Installation
	tokens        []graft.Token
	ids           int
	policy        *graft.Policy
	upgrades      map[string]*graft.UpgradeStatus // by installation
	kept          map[string]bool                 // addons whose data was kept
}

// newFakeAPI returns the URL of a server.
func newFakeAPI(t testing.TB) string {
	api := &fakeAPI{policy: graft.DefaultPolicy(), upgrades: map[string]*graft.UpgradeStatus{}, kept: map[string]bool{}}
	server := httptest.NewServer(api.handler())
	t.Cleanup(server.Close)
	return server.URL
}

func (f *fakeAPI) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/marketplace/addons", f.listAddons)
	mux.HandleFunc("POST /api/v1/marketplace/addons", f.publish)
	mux.HandleFunc("GET /api/v1/marketplace/addons/{id}", f.addon)
	mux.HandleFunc("GET /api/v1/marketplace/names/{name}/versions", f.versions)
	mux.HandleFunc("GET /api/v1/marketplace/names/{name}/versions/{version}", f.version)
	mux.HandleFunc("POST /api/v1/marketplace/addons/{id}/{what}", f.act)
	mux.HandleFunc("DELETE /api/v1/marketplace/addons/{id}/{what}", f.act)
	mux.HandleFunc("GET /api/v1/addons", f.list)
	mux.HandleFunc("POST /api/v1/addons", f.install)
	mux.HandleFunc("GET /api/v1/addons/{id}", f.installation)
	mux.HandleFunc("PATCH /api/v1/addons/{id}", f.patch)
	mux.HandleFunc("DELETE /api/v1/addons/{id}", f.remove)
	mux.HandleFunc("GET /api/v1/addons/{id}/plan", f.plan)
	mux.HandleFunc("GET /api/v1/addons/{id}/logs", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "web | tail %s\n", r.FormValue("tail"))
	})
	mux.HandleFunc("GET /api/v1/events", f.events)
	mux.HandleFunc("GET /api/v1/addons/{id}/events", f.events)
	mux.HandleFunc("GET /api/v1/components", f.components)
	f.handleLooks(mux)
	mux.HandleFunc("GET /api/v1/policy", f.showPolicy)
	mux.HandleFunc("PUT /api/v1/policy", f.setPolicy)
	f.handleAccess(mux)
	mux.HandleFunc("GET /api/v1/version", func(w http.ResponseWriter, _ *http.Request) {
		send(w, 200, map[string]string{"version": "v9.9.9", "plane": "root"})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/v1/marketplace/")
		if !reads && r.Header.Get("Authorization") != "Bearer "+fakeToken {
			fail(w, 401, graft.CodeUnauthorized, "who are you?")
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

func (f *fakeAPI) listAddons(w http.ResponseWriter, r *http.Request) {
	found := []*graft.Addon{}
	for _, a := range f.addons {
		name, text := r.FormValue("name"), strings.ToLower(a.Name+" "+a.Description)
		if a.Status == graft.AddonApproved && (name == "" || name == a.Name) && strings.Contains(text, strings.ToLower(r.FormValue("q"))) {
			found = append(found, a)
		}
	}
	send(w, 200, found)
}

// versions has those of a name as they were published, the last one first.
func (f *fakeAPI) versions(w http.ResponseWriter, r *http.Request) {
	found := []graft.Version{}
	for _, a := range slices.Backward(f.addons) {
		if a.Name == r.PathValue("name") {
			found = append(found, graft.Version{ID: a.ID, Version: a.Version, Status: a.Status, Yanked: a.Yanked, Deprecated: a.Deprecated, Latest: len(found) == 0})
		}
	}
	if len(found) == 0 {
		fail(w, 404, graft.CodeNotFound, "No addon is called that.")
		return
	}
	send(w, 200, found)
}

func (f *fakeAPI) version(w http.ResponseWriter, r *http.Request) {
	wanted, err := graft.ParseVersionRange(r.PathValue("version"))
	var there []*graft.Addon
	var versions []string
	for _, a := range f.addons {
		if a.Name == r.PathValue("name") && a.Status == graft.AddonApproved && (a.Yanked == nil || wanted.Exact()) {
			there, versions = append(there, a), append(versions, a.Version)
		}
	}
	i := wanted.Best(versions)
	if err != nil || i < 0 && (wanted.String() != graft.Latest || len(there) == 0) {
		fail(w, 404, graft.CodeNotFound, "No approved version is in that range.")
		return
	}
	send(w, 200, there[max(i, 0)])
}

// act is what publishers and reviewers do with an addon.
func (f *fakeAPI) act(w http.ResponseWriter, r *http.Request) {
	n := slices.IndexFunc(f.addons, func(a *graft.Addon) bool { return a.ID == r.PathValue("id") })
	if n < 0 {
		fail(w, 404, graft.CodeNotFound, "Addon not found")
		return
	}
	var said struct {
		Message, Reason string
		Revision        int64
	}
	if r.Method == http.MethodPost {
		_ = json.NewDecoder(r.Body).Decode(&said) // verify has no body
	}
	a, notice := f.addons[n], &graft.Notice{Message: said.Message, By: "admin"}
	if decides := r.PathValue("what") == "approve" || r.PathValue("what") == "reject"; decides && said.Revision != a.Revision {
		fail(w, 409, graft.CodeConflict, fmt.Sprintf("you saw its revision %d", said.Revision))
		return
	}
	if r.Method == http.MethodDelete {
		notice = nil
	}
	switch r.PathValue("what") {
	case "yank":
		a.Yanked = notice
	case "deprecate":
		a.Deprecated = notice
	case "approve":
		a.Status, a.Review = graft.AddonApproved, &graft.Review{Approved: true, By: "admin", Reason: said.Reason}
	case "reject":
		a.Status, a.Review = graft.AddonVerificationFailed, &graft.Review{By: "admin", Reason: said.Reason}
	}
	a.Revision++
	send(w, 200, a)
}

func (f *fakeAPI) publish(w http.ResponseWriter, r *http.Request) {
	a := &graft.Addon{ID: f.id(), Status: graft.AddonUnderReview, Revision: 1, CreatedAt: time.Now()}
	if err := json.NewDecoder(r.Body).Decode(&a.Descriptor); err != nil {
		fail(w, 400, graft.CodeMalformed, err.Error())
		return
	}
	f.addons = append(f.addons, a)
	send(w, 201, a)
}

func (f *fakeAPI) addon(w http.ResponseWriter, r *http.Request) {
	n := slices.IndexFunc(f.addons, func(a *graft.Addon) bool { return a.ID == r.PathValue("id") })
	if n < 0 {
		fail(w, 404, graft.CodeNotFound, "Addon not found")
		return
	}
	a := f.addons[n]
	if r.URL.Query().Has("since") && a.Name != "slow" {
		report := graft.ImageReport{Service: a.Services[0].Name, Digest: "sha256:feed"}
		a.Status = graft.AddonApproved
		if a.Name == "unverified" {
			report.Digest, report.Reason = "", "there is no such image"
			a.Status = graft.AddonVerificationFailed
		}
		a.Verification = &graft.Verification{Images: []graft.ImageReport{report}, Attempts: 1}
		a.Revision++
	}
	send(w, 200, a)
}

func (f *fakeAPI) list(w http.ResponseWriter, r *http.Request) {
	found := []*graft.Installation{}
	for _, i := range f.installations {
		if status := r.FormValue("status"); status == "" || status == string(i.Status) {
			found = append(found, i)
		}
	}
	send(w, 200, found)
}

func (f *fakeAPI) install(w http.ResponseWriter, r *http.Request) {
	var body graft.InstallRequest
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		fail(w, 400, graft.CodeMalformed, err.Error())
		return
	}
	n := slices.IndexFunc(f.addons, func(a *graft.Addon) bool { return a.ID == body.MarketplaceID })
	switch {
	case n < 0:
		fail(w, 404, graft.CodeNotFound, "no such addon in the marketplace")
		return
	case f.addons[n].Status != graft.AddonApproved:
		fail(w, 409, graft.CodeRefused, "the addon is not approved")
		return
	case r.FormValue("dry_run") == "true":
		plan := planOf(f.addons[n], body.Supersede)
		if f.kept[plan.Addon] {
			plan.Volumes = []graft.PlannedVolume{{Name: "root_" + plan.Addon + "_data", Fate: graft.VolumeTakenOver}}
		}
		send(w, 200, f.withRights(plan, f.addons[n], body.Consent))
		return
	case f.refuses(w, f.addons[n], body.Consent):
		return
	case body.Plan != "" && body.Plan != planOf(f.addons[n], body.Supersede).Hash:
		fail(w, 409, graft.CodeConflict, "the plan is another one now")
		return
	}
	a := f.addons[n]
	i := &graft.Installation{
		ID: f.id(), MarketplaceID: a.ID, Descriptor: a.Descriptor, Rights: a.Descriptor.Rights(), Desired: graft.DesiredEnabled,
		Generation: 1, Status: graft.StatusInstalling, Revision: 1, CreatedAt: time.Now(),
	}
	f.installations = append(f.installations, i)
	send(w, 201, i)
}

// planOf is what it would do to install an addon.
func planOf(a *graft.Addon, supersede bool) graft.Plan {
	plan := graft.Plan{Addon: a.Name, Hash: "sha256:" + strings.Repeat("7a", 32)}
	switch {
	case a.Name == "rival" && !supersede:
		plan.Refusal = "component \"cluster_scheduler\" is replaced by addon \"plugin\" already"
		plan.Conflicts = []graft.PlannedConflict{
			{Kind: "component", Name: "cluster_scheduler", Holder: "plugin", Text: "uninstall that one first"},
			{Kind: "port", Name: "8080/tcp", Text: "publish another port"},
		}
		return plan
	case a.Name == "rival":
		plan.Hash = "sha256:" + strings.Repeat("7b", 32)
	}
	plan.Operations = []graft.Operation{{Kind: "create", Target: "root_web", Cause: "it is new"}}
	plan.Warnings = []string{"volume \"data\" has driver local instead of nfs"}
	plan.Images = []graft.PlannedImage{
		{Image: "hello@sha256:1", Services: []string{"web", "db"}, Size: 12_340_000},
		{Image: "there@sha256:2", Services: []string{"cache"}, Present: true},
	}
	plan.Swaps = []graft.PlannedSwap{
		{Component: "cluster_scheduler", Service: "web", Way: graft.SwapWarm, ExpectedGap: 200},
		{Component: "mqtt", Service: "web", Back: true, Way: graft.SwapCold, Reason: "it does not run"},
	}
	return plan
}

// plan is what is next, or what it would do to uninstall something. Some engine is
// too old to say that.
func (f *fakeAPI) plan(w http.ResponseWriter, r *http.Request) {
	i := f.find(w, r)
	if i == nil {
		return
	}
	plan := graft.Plan{Addon: "hello", Hash: "sha256:5", Operations: []graft.Operation{{Kind: "start", Target: "root_web", Cause: "it does not run"}}}
	if r.FormValue("uninstall") == "true" && i.Name != "ancient" {
		plan.Addon, plan.Volumes = i.Name, []graft.PlannedVolume{{Name: "root_" + i.Name + "_data", Fate: graft.VolumeRemoved}}
		plan.Operations = []graft.Operation{{Kind: "remove volume", Target: "root_" + i.Name + "_data", Cause: "the addon is uninstalled"}}
		if r.FormValue("keep_data") == "true" {
			plan.Volumes[0].Fate = graft.VolumeKept
			plan.Operations[0].Kind = "keep volume"
		}
	}
	send(w, 200, plan)
}

func (f *fakeAPI) installation(w http.ResponseWriter, r *http.Request) {
	i := f.find(w, r)
	if i == nil {
		return
	}
	if r.URL.Query().Has("since") {
		i.Revision++
		if i.Desired == graft.DesiredRemoved && i.Details != nil && !stuck(i) {
			f.forget(i)
			fail(w, 404, graft.CodeNotFound, "it is gone")
			return
		}
		advance(i)
		if how := f.upgrades[i.ID]; how != nil && i.Status == graft.StatusActive {
			i.Details.Upgrade = how
		}
	}
	send(w, 200, i)
}

// stuck is whether what an addon replaced can't come back.
func stuck(i *graft.Installation) bool { return i.Name == "stuck" || i.Name == "rusty" }

// advance makes one step towards what is desired: a word about it first.
func advance(i *graft.Installation) {
	switch {
	case i.Details == nil:
		i.Details = &graft.StatusDetails{Step: "pull the image"}
		if i.Name == "big" {
			i.Details.Pulls = []graft.PullStatus{{Image: "big@sha256:1", LayersDone: 1, Layers: 3, BytesDone: 4_000_000, Bytes: 8_000_000}}
		}
		return
	case i.Desired != graft.DesiredEnabled && stuck(i):
		i.Details = &graft.StatusDetails{
			Generation: i.Generation, Outcome: graft.OutcomeNotRestored, Reason: "another container has the name of component cluster_scheduler",
		}
		return
	case i.Desired == graft.DesiredDisabled:
		i.Status, i.Details = graft.StatusDisabled, &graft.StatusDetails{Outcome: graft.OutcomeDone}
		i.Details.Generation = i.Generation
		return
	}
	service := graft.ServiceStatus{Name: i.Services[0].Name, State: graft.ServiceRunning}
	if service.Name == "cluster_scheduler" {
		service.Replaces = service.Name
	}
	details := &graft.StatusDetails{Generation: i.Generation, Outcome: graft.OutcomeDone}
	i.Status = graft.StatusActive
	switch i.Name {
	case "crash":
		// First it gives up, then it takes everything back.
		if details.Outcome = ""; i.Details.GaveUp {
			details.Outcome = graft.OutcomeRestored
		}
		i.Status, i.Logs = graft.StatusFailed, "web | no such file\n"
		details.Reason, details.GaveUp = "a service ended", true
		service.State, service.Reason = graft.ServiceExited, "exit code 1"
	case "touchy":
		i.Status = graft.StatusFailed
		details.Reason, details.Outcome = "host port 80 is taken", graft.OutcomeRefused
	case "partial":
		i.Status, details.Reason = graft.StatusPartiallyActive, "one of two runs"
	}
	details.Services = []graft.ServiceStatus{service}
	i.Details = details
}

func (f *fakeAPI) patch(w http.ResponseWriter, r *http.Request) {
	i := f.find(w, r)
	if i == nil {
		return
	}
	var body struct {
		Status graft.InstallationStatus `json:"status"`
		graft.InstallRequest
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		fail(w, 400, graft.CodeMalformed, err.Error())
		return
	}
	if body.MarketplaceID != "" {
		f.upgrade(w, r, i, body.InstallRequest)
		return
	}
	if i.Desired == graft.DesiredRemoved {
		send(w, 200, i)
		return
	}
	i.Desired = graft.DesiredEnabled
	if body.Status == graft.StatusDisabling {
		i.Desired = graft.DesiredDisabled
	}
	i.Status = body.Status
	i.Generation++
	i.Revision++
	send(w, 200, i)
}

func (f *fakeAPI) remove(w http.ResponseWriter, r *http.Request) {
	i := f.find(w, r)
	if i == nil {
		return
	}
	f.kept[i.Name] = r.FormValue("keep_data") == "true"
	if i.Status != graft.StatusDisabled || i.Name == "contested" {
		i.Status, i.Desired, i.Details = graft.StatusDisabling, graft.DesiredDisabled, nil
		tooOld := i.Name == "ancient" || i.Name == "contested" || i.Name == "rusty" // their engine
		if r.FormValue("uninstall") == "true" && !tooOld {
			i.Desired = graft.DesiredRemoved
		}
		i.Generation++
		send(w, 200, i)
		return
	}
	f.forget(i)
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakeAPI) forget(i *graft.Installation) {
	f.removed = append(f.removed, i)
	f.installations = slices.DeleteFunc(f.installations, func(other *graft.Installation) bool { return other == i })
}

func (f *fakeAPI) components(w http.ResponseWriter, _ *http.Request) {
	c := graft.Component{Name: "cluster_scheduler", ContainerName: "cluster_scheduler", State: "running", Image: "scheduler:1"}
	for _, i := range f.installations {
		if i.Status == graft.StatusActive && len(replaced(i)) > 0 {
			c.State = "exited"
			c.ReplacedBy = &graft.Replacement{InstallationID: i.ID, Addon: i.Name, Service: "cluster_scheduler"}
		}
	}
	send(w, 200, []graft.Component{c})
}

// events tells of every installation that it was created and became active. A
// client that follows is told of one more and then refused. If it follows one
// installation, that is just being removed.
func (f *fakeAPI) events(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.FormValue("after"))
	if tail, _ := strconv.Atoi(r.FormValue("tail")); tail > 0 {
		after = max(2*len(f.installations)-tail, 0)
	}
	follows := r.FormValue("follow") != "false"
	if after > 100 {
		fail(w, 401, graft.CodeUnauthorized, "that was all")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "retry: 1\nid: %d\n\n", after)
	var events []graft.Event
	tell := func(e graft.Event) {
		e.Time = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		events = append(events, e)
	}
	for _, i := range slices.Concat(f.installations, f.removed) {
		id := int64(len(events) + 1)
		tell(graft.Event{ID: id, Type: graft.EventInstalled, InstallationID: i.ID, Addon: i.Name, Message: "installed"})
		tell(graft.Event{ID: id + 1, Type: graft.EventStatus, InstallationID: i.ID, Addon: i.Name, Message: "it \x1b[31mis\x1b[0m\nactive"})
	}
	if after == 2 {
		tell(graft.Event{Type: graft.EventLost, Message: "older events are no longer kept"})
	}
	switch id := r.PathValue("id"); {
	case follows && id != "":
		tell(graft.Event{ID: 101, Type: graft.EventRemoved, InstallationID: id, Addon: "gone", Message: "uninstalled"})
	case follows:
		tell(graft.Event{Type: graft.EventProgress, Message: "half of it"})
		tell(graft.Event{ID: 101, Type: graft.EventRuntime, Message: "Docker went away"})
	}
	for _, e := range events {
		if id := r.PathValue("id"); e.ID > 0 && e.ID <= int64(after) || id != "" && e.InstallationID != id {
			continue
		}
		document, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		if e.ID > 0 {
			fmt.Fprintf(w, "id: %d\n", e.ID)
		}
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e.Type, document)
	}
}

func (f *fakeAPI) find(w http.ResponseWriter, r *http.Request) *graft.Installation {
	for _, i := range f.installations {
		if i.ID == r.PathValue("id") {
			return i
		}
	}
	fail(w, 404, graft.CodeNotFound, "Addon not found")
	return nil
}

func (f *fakeAPI) id() string {
	f.ids++
	return fmt.Sprintf("6b0342fd771242bc7f1c%04x", f.ids)
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		_, _ = io.WriteString(w, err.Error())
	}
}

func fail(w http.ResponseWriter, status int, code graft.Code, message string) {
	send(w, status, map[string]any{"code": status, "status": http.StatusText(status), "message": message, "error_code": code})
}
