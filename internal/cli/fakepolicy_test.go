package cli

import (
	"encoding/json"
	"net/http"

	"github.com/graftplatform/graft"
)

func (f *fakeAPI) showPolicy(w http.ResponseWriter, _ *http.Request) { send(w, 200, f.policy) }

func (f *fakeAPI) setPolicy(w http.ResponseWriter, r *http.Request) {
	var policy graft.Policy
	if err := json.NewDecoder(r.Body).Decode(&policy); err != nil {
		fail(w, 400, graft.CodeMalformed, err.Error())
		return
	}
	if problems := policy.Validate(); len(problems) > 0 {
		send(w, 422, map[string]any{"code": 422, "status": "Unprocessable Entity", "error_code": graft.CodeInvalid, "problems": problems})
		return
	}
	policy.SetDefaults()
	f.policy = &policy
	send(w, 200, policy)
}

func (f *fakeAPI) decide(a *graft.Addon, consent []string) graft.Decision {
	grants, _ := graft.ParseGrants(consent) // what is wrong, the command itself has found
	return f.policy.Decide(a.Descriptor.Rights(), grants, nil)
}

func (f *fakeAPI) withRights(plan graft.Plan, a *graft.Addon, consent []string) graft.Plan {
	d := f.decide(a, consent)
	plan.Rights, plan.Missing, plan.Denied = a.Descriptor.Rights(), d.Missing, d.Denied
	plan.Risk = graft.Risk(plan.Rights)
	return plan
}

// refuses is whether something may not be installed; the answer is written then.
func (f *fakeAPI) refuses(w http.ResponseWriter, a *graft.Addon, consent []string) bool {
	d := f.decide(a, consent)
	body := map[string]any{"code": 403, "status": "Forbidden"}
	switch {
	case len(d.Denied) > 0:
		body["error_code"], body["message"], body["rights"] = graft.CodeForbidden, "the policy denies it", d.Denied
	case len(d.Missing) > 0:
		body["error_code"], body["message"], body["rights"] = graft.CodeConsent, "it needs consent", d.Missing
	default:
		return false
	}
	send(w, 403, body)
	return true
}
