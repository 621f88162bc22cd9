package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/graftplatform/graft"
)

// holds compares the series of some metrics with what is wanted. Lines of
// buckets are left out of the comparison by naming _sum and _count alone.
func holds(t *testing.T, reg *prometheus.Registry, name, want string) {
	t.Helper()
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
}

func TestOperationMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := newMetrics(reg)
	if n, err := testutil.GatherAndCount(reg, "graft_operations_total"); err != nil || n != 36 {
		t.Errorf("%d series before anything happened, %v", n, err)
	}
	m.operationWaits()
	m.operationWaits()
	m.operationWaited()
	m.operationStarted()
	m.operationStarted()
	m.operationEnded(purposeInstall, endFailed, time.Second)
	m.takenBack(purposeRestore, graft.OutcomeRestored)
	m.operationRefused(purposeInstall)
	m.stepEnded(opPull, nil)
	m.stepEnded(opCreateNetwork, graft.Errorf(graft.CodeConflict, "taken"))
	m.stepEnded(opPull, fmt.Errorf("pull: %w", context.Canceled))
	holds(t, reg, "graft_operations_running", `# HELP graft_operations_running Executions of plans that are under way.
# TYPE graft_operations_running gauge
graft_operations_running 1
`)
	holds(t, reg, "graft_operations_waiting", `# HELP graft_operations_waiting Steps of plans that wait for their turn.
# TYPE graft_operations_waiting gauge
graft_operations_waiting 1
`)
	holds(t, reg, "graft_operation_steps_total", `# HELP graft_operation_steps_total Steps of plans that ended.
# TYPE graft_operation_steps_total counter
graft_operation_steps_total{kind="create_network",outcome="failed"} 1
graft_operation_steps_total{kind="pull",outcome="done"} 1
graft_operation_steps_total{kind="pull",outcome="interrupted"} 1
`)
	for outcome, want := range map[graft.Outcome]float64{endFailed: 1, graft.OutcomeRefused: 1, graft.OutcomeDone: 0} {
		if got := testutil.ToFloat64(m.operations.WithLabelValues(string(outcome), "install")); got != want {
			t.Errorf("%s: %g, want %g", outcome, got, want)
		}
	}
	if n := testutil.CollectAndCount(m.operationDurations); n != 1 {
		t.Errorf("durations of %d kinds", n)
	}
}

func TestRuntimeMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := newMetrics(reg)
	m.installationsSeen([]graft.Installation{
		{Status: graft.StatusActive}, {Status: graft.StatusActive}, {Status: graft.StatusFailed},
		{Status: graft.StatusDisabled, Desired: graft.DesiredRemoved},
	})
	m.installationsSeen([]graft.Installation{{Status: graft.StatusActive}}) // those of before are no more
	m.statusChanged(graft.StatusActive, graft.StatusFailed)
	m.statusChanged(graft.StatusFailed, graft.StatusActive)
	m.runtimeSeen(true)
	m.runtimeSeen(false)
	m.runtimeSeen(true)
	m.serviceRestarted()
	m.pulled(1 << 20)
	m.pulled(-5)
	m.eventHappened(graft.EventRuntime)
	m.reconciled(40 * time.Millisecond)
	m.swapped(swapBack, graft.SwapWarm, 180*time.Millisecond)
	holds(t, reg, "graft_installations", `# HELP graft_installations Installations that users see, by status.
# TYPE graft_installations gauge
graft_installations{status="active"} 1
graft_installations{status="disabled"} 0
graft_installations{status="disabling"} 0
graft_installations{status="failed"} 0
graft_installations{status="installing"} 0
graft_installations{status="partially_active"} 0
`)
	for name, collector := range map[string]prometheus.Collector{"up": m.runtime, "restarts": m.restarts} {
		if got := testutil.ToFloat64(collector); got != 1 {
			t.Errorf("%s is %g", name, got)
		}
	}
	if got := testutil.ToFloat64(m.pulledBytes); got != 1<<20 {
		t.Errorf("pulled %g bytes", got)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("names: %v, %v", problems, err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "graft_") {
			t.Errorf("%s does not tell whose it is", family.GetName())
		}
	}
}

func TestPurpose(t *testing.T) {
	t.Parallel()
	up := &graft.StatusDetails{Outcome: graft.OutcomeDone}
	for want, inst := range map[purpose]graft.Installation{
		purposeInstall:   {Desired: graft.DesiredEnabled, Status: graft.StatusFailed},
		purposeRepair:    {Desired: graft.DesiredEnabled, Status: graft.StatusFailed, Details: up},
		purposeRestore:   {Desired: graft.DesiredEnabled, Status: graft.StatusFailed, Details: &graft.StatusDetails{GaveUp: true}},
		purposeDisable:   {Desired: graft.DesiredDisabled, Status: graft.StatusActive},
		purposeUninstall: {Desired: graft.DesiredRemoved, Status: graft.StatusDisabled},
	} {
		if got := (&plan{installation: &inst}).purpose(); got != want {
			t.Errorf("%s of an installation that is %s: %q", inst.Desired, inst.Status, got)
		}
	}
	if got := (&plan{pulls: true}).purpose(); got != purposePull {
		t.Errorf("images: %q", got)
	}
	if got := (&plan{standIn: true}).purpose(); got != purposeStandIn {
		t.Errorf("a stand-in: %q", got)
	}
}

// Engines without a registerer do not meet each other's metrics.
func TestPrivateMetrics(t *testing.T) {
	t.Parallel()
	first, second := newMetrics(nil), newMetrics(nil)
	first.serviceRestarted()
	if got := testutil.ToFloat64(second.restarts); got != 0 {
		t.Errorf("the other engine counts %g", got)
	}
}
