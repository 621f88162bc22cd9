package api

import (
	"net/http"

	"github.com/graftplatform/graft"
)

func (e *engine) policy(w http.ResponseWriter, r *http.Request) error {
	policy, err := e.engine.Policy(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, policy)
}

// setPolicy replaces the policy as a whole.
func (e *engine) setPolicy(w http.ResponseWriter, r *http.Request) error {
	const rights, registries, hostPaths = "rights", "registries", "host_paths"
	f, err := readFields(w, r)
	if err != nil {
		return err
	}
	var policy graft.Policy
	f.get(rights, &policy.Rights, "Not a valid mapping of rights to actions.")
	f.get(registries, &policy.Registries, "Not a valid list of strings.")
	f.get(hostPaths, &policy.HostPaths, "Not a valid list of strings.")
	if len(f.problems) == 0 {
		f.problems = policy.Validate()
	}
	if err := f.err(rights, registries, hostPaths); err != nil {
		return err
	}
	set, err := e.engine.SetPolicy(r.Context(), policy)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, set)
}
