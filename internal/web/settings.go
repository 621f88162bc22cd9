package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// settings are what operators let addons do to the host, and where the servers are.
type settings struct {
	Policy  *graft.Policy
	Kinds   []policyKind
	Problem graft.Problems
	Saved   bool
	Servers map[string]string
	Me      *session
}

// policyKind is one way in which addons reach beyond their containers, and what
// happens about it.
type policyKind struct {
	Kind   graft.RightKind
	Action graft.PolicyAction
	Text   string
}

func (d *dashboard) settings(w http.ResponseWriter, r *http.Request, s *session) error {
	policy, err := s.engine.Policy(r.Context())
	if err != nil {
		return err
	}
	return d.showSettings(w, r, s, settings{Policy: policy, Saved: r.URL.Query().Get("saved") == "true"})
}

func (d *dashboard) showSettings(w http.ResponseWriter, r *http.Request, s *session, shown settings) error {
	shown.Me, shown.Servers = s, d.addresses(r)
	for _, kind := range graft.RightKinds() {
		shown.Kinds = append(shown.Kinds, policyKind{kind, shown.Policy.Rights[kind], words.Right(kind)})
	}
	p := d.page(r, s, words.Settings)
	p.Content = shown
	status := http.StatusOK
	if shown.Problem != nil {
		status = http.StatusUnprocessableEntity
	}
	d.render(w, r, status, "settings", p)
	return nil
}

func (d *dashboard) setPolicy(w http.ResponseWriter, r *http.Request, s *session) error {
	policy := graft.Policy{Rights: map[graft.RightKind]graft.PolicyAction{}}
	for _, kind := range graft.RightKinds() {
		if !r.PostForm.Has("right." + string(kind)) { // what it does not say must not become the default
			return graft.Errorf(graft.CodeMalformed, "%s", words.UnreadableForm)
		}
		policy.Rights[kind] = graft.PolicyAction(r.PostFormValue("right." + string(kind)))
	}
	policy.Registries = strings.Fields(r.PostFormValue("registries"))
	for line := range strings.Lines(r.PostFormValue("host_paths")) {
		if path := strings.TrimSpace(line); path != "" { // it may have spaces in it
			policy.HostPaths = append(policy.HostPaths, path)
		}
	}
	_, err := s.engine.SetPolicy(r.Context(), policy)
	if problems := problemsOf(err); problems != nil {
		return d.showSettings(w, r, s, settings{Policy: &policy, Problem: problems})
	}
	if err != nil {
		return err
	}
	goTo(w, r, "/settings?saved=true")
	return nil
}

// problemsOf returns what is wrong with a form that was sent, nil if that is not
// what is wrong.
func problemsOf(err error) graft.Problems {
	var e *graft.Error
	if errors.As(err, &e) && e.Code == graft.CodeInvalid {
		if len(e.Problems) > 0 {
			return e.Problems
		}
		return graft.Problems{{Message: e.Message}}
	}
	return nil
}
