package cli

import (
	"net/http"
	"slices"

	"github.com/graftplatform/graft"
)

// upgrade gives an installation another version. Those of a major version of 9 do
// not come up.
func (f *fakeAPI) upgrade(w http.ResponseWriter, r *http.Request, i *graft.Installation, request graft.InstallRequest) {
	a := f.addons[slices.IndexFunc(f.addons, func(a *graft.Addon) bool { return a.ID == request.MarketplaceID })]
	rights := a.Descriptor.Rights()
	if r.FormValue("dry_run") == "true" {
		plan := f.withRights(planOf(a, false), a, append(request.Consent, graft.GrantsFor(i.Rights)...))
		plan.Upgrade = &graft.PlannedUpgrade{
			From: i.Version, To: a.Version, NewRights: graft.NewRights(i.Rights, rights), LostRights: graft.NewRights(rights, i.Rights),
		}
		send(w, 200, plan)
		return
	}
	if f.refuses(w, a, append(request.Consent, graft.GrantsFor(i.Rights)...)) {
		return
	}
	how := graft.UpgradeStatus{From: i.Version, To: a.Version, Outcome: graft.OutcomeDone}
	if a.Version[0] == '9' {
		how.Outcome, how.Reason, how.Logs = graft.OutcomeRestored, "it exited with code 3", "web | no such table\n"
	} else {
		i.MarketplaceID, i.Descriptor, i.Rights = a.ID, a.Descriptor, rights
	}
	i.Generation++
	i.Revision++
	f.upgrades[i.ID] = &how
	if i.Desired == graft.DesiredEnabled {
		i.Status, i.Details = graft.StatusInstalling, nil
	}
	send(w, 200, i)
}
