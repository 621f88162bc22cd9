package market

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/graftplatform/graft"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	var failure error
	reg := prometheus.NewRegistry()
	counter := newAddonCounter(func(context.Context) (map[graft.AddonStatus]int, error) {
		return map[graft.AddonStatus]int{graft.AddonApproved: 7}, failure
	})
	m := &Market{verifications: newVerifications(reg, counter)}
	m.verified(&graft.Addon{Status: graft.AddonApproved}, 300*time.Millisecond)
	m.verified(nil, time.Second)
	if n := testutil.CollectAndCount(m.verifications); n != 2 {
		t.Errorf("%d outcomes", n)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("names: %v, %v", problems, err)
	}
	const want = `# HELP graft_addons Addons in the catalogue, by status.
# TYPE graft_addons gauge
graft_addons{status="approved"} 7
graft_addons{status="under_review"} 0
graft_addons{status="verification_failed"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "graft_addons"); err != nil {
		t.Error(err)
	}
	failure = graft.Errorf(graft.CodeUnavailable, "the database is away")
	families, err := reg.Gather()
	if err == nil || len(families) != 1 || families[0].GetName() != "graft_verification_duration_seconds" {
		t.Errorf("without a database there are %d metrics, %v", len(families), err)
	}
}
