package api

import (
	"net/http"
	"strings"

	"github.com/graftplatform/graft"
)

type engine struct {
	*service
	engine Engine
}

// list answers all installations without their readmes, which may be long and are in
// no list of the old system's.
func (e *engine) list(w http.ResponseWriter, r *http.Request) error {
	installations, err := e.engine.Installations(r.Context(), r.URL.Query().Get("status"))
	if err != nil {
		return err
	}
	if installations == nil {
		installations = []graft.Installation{}
	}
	for i := range installations {
		installations[i].Readme = ""
	}
	return writeJSON(w, http.StatusOK, installations)
}

// installRequest reads what is to be installed, and who wants that.
func (e *engine) installRequest(w http.ResponseWriter, r *http.Request) (graft.InstallRequest, error) {
	f, err := readFields(w, r)
	if err != nil {
		return graft.InstallRequest{}, err
	}
	return e.requestBy(r, f)
}

func (e *engine) requestBy(r *http.Request, f *fields) (graft.InstallRequest, error) {
	request, err := f.install()
	if err != nil {
		return request, err
	}
	caller, err := e.caller(r)
	request.By = caller.Name
	return request, err
}

// consenting says what a request consents to, if to anything.
func consenting(request graft.InstallRequest) []string {
	if len(request.Consent) == 0 {
		return nil
	}
	return []string{"consent to " + strings.Join(request.Consent, " ")}
}

// preview says what it would do to install an addon.
func (e *engine) preview(w http.ResponseWriter, r *http.Request) error {
	request, err := e.installRequest(w, r)
	if err != nil {
		return err
	}
	plan, err := e.engine.PlanInstall(r.Context(), request)
	return writePlan(w, plan, err)
}

func (e *engine) install(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	q.bool("dry_run") // if it is set, the request is preview's
	if err := q.err(); err != nil {
		return err
	}
	request, err := e.installRequest(w, r)
	if err != nil {
		return err
	}
	asks(w, append([]string{"install " + request.MarketplaceID}, consenting(request)...)...)
	installation, err := e.engine.Install(r.Context(), request)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/v1/addons/"+installation.ID)
	return writeJSON(w, http.StatusCreated, installation)
}

func (e *engine) show(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	installation, err := fetch(e.service, r, id, e.engine.Installation, e.engine.WaitInstallation)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, installation)
}

// change gives an installation another version, or turns the statuses that old
// clients may ask for into a desired state.
func (e *engine) change(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	q.bool("dry_run") // if it is set, the request is previewUpgrade's
	if err := q.err(); err != nil {
		return err
	}
	f, err := readFields(w, r)
	if err != nil {
		return err
	}
	if _, given := f.values["marketplace_id"]; given {
		return e.upgrade(w, r, id, f)
	}
	status, err := f.choice("status", string(graft.StatusInstalling), string(graft.StatusDisabling))
	if err != nil {
		return err
	}
	desired, wish := graft.DesiredEnabled, "enable"
	if status == string(graft.StatusDisabling) {
		desired, wish = graft.DesiredDisabled, "disable"
	}
	asks(w, wish)
	installation, err := e.engine.SetDesired(r.Context(), id, desired)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, installation)
}

func (e *engine) upgrade(w http.ResponseWriter, r *http.Request, id string, f *fields) error {
	request, err := e.requestBy(r, f)
	if err != nil {
		return err
	}
	asks(w, append([]string{"upgrade to " + request.MarketplaceID}, consenting(request)...)...)
	installation, err := e.engine.Upgrade(r.Context(), id, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, installation)
}

// previewUpgrade says what it would do to give an installation another version.
func (e *engine) previewUpgrade(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	request, err := e.installRequest(w, r)
	if err != nil {
		return err
	}
	plan, err := e.engine.PlanUpgrade(r.Context(), id, request)
	return writePlan(w, plan, err)
}

func (e *engine) remove(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	uninstall, keepData := q.bool("uninstall"), q.bool("keep_data")
	if err := q.err(); err != nil {
		return err
	}
	remove, wishes := e.engine.Delete, []string{"disable, or remove what is disabled"}
	if uninstall {
		remove, wishes = e.engine.Uninstall, []string{"uninstall"}
	}
	if keepData {
		wishes = append(wishes, "keep data")
	}
	asks(w, wishes...)
	installation, err := remove(r.Context(), id, keepData)
	switch {
	case err != nil:
		return err
	case installation == nil:
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return writeJSON(w, http.StatusOK, installation)
}

func (e *engine) plan(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	uninstall, keepData := q.bool("uninstall"), q.bool("keep_data")
	if keepData && !uninstall {
		q.bad("keep_data", "Goes with uninstall=true.")
	}
	if err := q.err(); err != nil {
		return err
	}
	if uninstall {
		plan, err := e.engine.PlanRemoval(r.Context(), id, keepData)
		return writePlan(w, plan, err)
	}
	plan, err := e.engine.Plan(r.Context(), id)
	return writePlan(w, plan, err)
}

func writePlan(w http.ResponseWriter, plan *graft.Plan, err error) error {
	if err != nil {
		return err
	}
	shown := *plan
	shown.Operations = notNil(shown.Operations)
	shown.Images = notNil(shown.Images)
	shown.Swaps = notNil(shown.Swaps)
	shown.Volumes = notNil(shown.Volumes)
	shown.Conflicts = notNil(shown.Conflicts)
	shown.Rights = notNil(shown.Rights)
	shown.Missing = notNil(shown.Missing)
	shown.Denied = notNil(shown.Denied)
	return writeJSON(w, http.StatusOK, shown)
}

// notNil makes JSON write an empty list and not null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (e *engine) components(w http.ResponseWriter, r *http.Request) error {
	components, err := e.engine.Components(r.Context())
	if err != nil {
		return err
	}
	if components == nil {
		components = []graft.Component{}
	}
	return writeJSON(w, http.StatusOK, components)
}

func (e *engine) stats(w http.ResponseWriter, r *http.Request) error {
	usage, err := e.engine.Stats(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, notNil(usage))
}
