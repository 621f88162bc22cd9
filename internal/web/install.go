package web

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// installPlan is what the page before an installation shows: what will happen, and
// what has to be agreed to.
type installPlan struct {
	Addon *graft.Addon
	Plan  *graft.Plan
	// Upgrade is the installation that gets another version; nil: it is a new one.
	Upgrade   *graft.Installation
	Supersede bool
	Problem   string // why the last attempt did nothing
	Me        *session
}

// Possible is whether the plan can be carried out once what it asks for is given.
func (p installPlan) Possible() bool { return p.Plan.Refusal == "" && len(p.Plan.Denied) == 0 }

// Rivals are the addons whose plugins are where this one's are to be: it can take
// their place, and they come back when it goes.
func (p installPlan) Rivals() []string {
	var names []string
	for _, c := range p.Plan.Conflicts {
		if c.Kind == "component" && c.Holder != "" && !slices.Contains(names, c.Holder) {
			names = append(names, c.Holder)
		}
	}
	return names
}

// Download is how many bytes the images take that are not here yet.
func (p installPlan) Download() int64 {
	var sum int64
	for _, image := range p.Plan.Images {
		if !image.Present {
			sum += image.Size
		}
	}
	return sum
}

// Grants are what consent to the missing rights is.
func (p installPlan) Grants() []string { return graft.GrantsFor(p.Plan.Missing) }

func (d *dashboard) previewInstall(w http.ResponseWriter, r *http.Request, s *session) error {
	return d.showPlan(w, r, s, r.URL.Query().Get("supersede") == "true", "")
}

func (d *dashboard) showPlan(w http.ResponseWriter, r *http.Request, s *session, supersede bool, problem string) error {
	addon, err := s.market.Addon(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	shown := installPlan{Addon: addon, Supersede: supersede, Problem: problem, Me: s}
	installed, err := d.installed(r.Context(), s)
	if err != nil {
		return err
	}
	request := graft.InstallRequest{MarketplaceID: addon.ID, Supersede: supersede}
	if shown.Upgrade = installed[addon.Name]; shown.Upgrade != nil && shown.Upgrade.MarketplaceID == addon.ID {
		goTo(w, r, "/installed/"+shown.Upgrade.ID)
		return nil
	}
	if shown.Upgrade != nil {
		shown.Plan, err = s.engine.PlanUpgrade(r.Context(), shown.Upgrade.ID, request)
	} else {
		shown.Plan, err = s.engine.PlanInstallWith(r.Context(), request)
	}
	if err != nil {
		return err
	}
	status, title := http.StatusOK, fmt.Sprintf(words.Install, addon.Name)
	if shown.Upgrade != nil {
		title = fmt.Sprintf(words.ChangeVersion, addon.Name)
	}
	if problem != "" {
		status = http.StatusConflict
	}
	p := d.page(r, s, title)
	p.Content = shown
	d.render(w, r, status, "install", p)
	return nil
}

// install does what was agreed to, and shows how it goes on.
func (d *dashboard) install(w http.ResponseWriter, r *http.Request, s *session) error {
	request := graft.InstallRequest{
		MarketplaceID: r.PathValue("id"), Plan: r.PostForm.Get("plan"),
		Supersede: r.PostForm.Get("supersede") == "true", Consent: r.PostForm["consent"],
	}
	var inst *graft.Installation
	var err error
	if upgrade := r.PostForm.Get("upgrade"); upgrade != "" {
		inst, err = s.engine.Upgrade(r.Context(), upgrade, request)
	} else {
		inst, err = s.engine.InstallWith(r.Context(), request)
	}
	switch graft.ErrorCode(err) {
	case "":
		goTo(w, r, "/installed/"+inst.ID)
		return nil
	case graft.CodeConflict, graft.CodeConsent, graft.CodeExists, graft.CodeRefused:
		// What is there changed since, or not all was agreed to: he looks again.
		return d.showPlan(w, r, s, request.Supersede, reason(err))
	}
	return err
}
