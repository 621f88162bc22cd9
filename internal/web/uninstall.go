package web

import (
	"fmt"
	"net/http"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// uninstallQuestion is what is asked before an addon is uninstalled.
type uninstallQuestion struct {
	Installation *graft.Installation
	Plan         *graft.Plan // what becomes of its volumes
	Restored     []string    // components that come back
	Me           *session
}

func (d *dashboard) askUninstall(w http.ResponseWriter, r *http.Request, s *session) error {
	inst, err := s.engine.Installation(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if inst.Desired == graft.DesiredRemoved { // there is nothing left to choose
		goTo(w, r, "/installed/"+inst.ID)
		return nil
	}
	plan, err := s.engine.PlanRemoval(r.Context(), inst.ID, false)
	if err != nil {
		return err
	}
	return d.show(w, r, s, "uninstall", fmt.Sprintf(words.Uninstall, inst.Name), uninstallQuestion{
		Installation: inst, Plan: plan, Restored: withUsage(inst, nil, s).Replaces(), Me: s,
	})
}

// uninstall has an addon disabled and removed, and shows how that goes on.
func (d *dashboard) uninstall(w http.ResponseWriter, r *http.Request, s *session) error {
	id := r.PathValue("id")
	removed, err := s.engine.Uninstall(r.Context(), id, r.PostFormValue("data") != "remove")
	if err != nil {
		return err
	}
	if removed {
		goTo(w, r, "/installed")
	} else {
		goTo(w, r, "/installed/"+id)
	}
	return nil
}
