package storetest

import (
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

func installationKeepsConsent(t *testing.T, s *store.Store) {
	i := &graft.Installation{MarketplaceID: graft.NewID(time.Now()), Descriptor: newAddon("a").Descriptor}
	i.Services[0].Privileged = true
	i.Rights = append(i.Descriptor.Rights(), graft.ReplacesComponent("web", "odd"))
	i.Consent = &graft.Consent{
		Grants: []string{"privileged"}, Rights: i.Rights[:1], Images: map[string]string{"web": "x@sha256:0"},
		By: "otto", At: time.Now().UTC().Truncate(time.Microsecond),
	}
	noError(t, s.CreateInstallation(t.Context(), i))
	equal(t, i.Risk, graft.RiskCritical)
	equal(t, must(s.Installation(t.Context(), i.ID))(t), i)
	changed := must(s.SetDesired(t.Context(), i.ID, graft.DesiredDisabled, graft.StatusDisabling))(t)
	equal(t, changed.Consent, i.Consent)
	equal(t, changed.Rights, i.Rights)
}

func policyRoundTrip(t *testing.T, s *store.Store) {
	equal(t, must(s.Policy(t.Context()))(t), graft.DefaultPolicy())
	for _, action := range []graft.PolicyAction{graft.PolicyDeny, graft.PolicyAllow} {
		policy := graft.DefaultPolicy()
		policy.Rights[graft.RightDevice] = action
		policy.Registries, policy.HostPaths = []string{"ghcr.io"}, []string{"/srv/it's"}
		noError(t, s.SetPolicy(t.Context(), policy))
		equal(t, must(s.Policy(t.Context()))(t), policy)
	}
	noError(t, s.SetPolicy(t.Context(), &graft.Policy{}))
	equal(t, must(s.Policy(t.Context()))(t), graft.DefaultPolicy())
}
