package main

import "testing"

func TestParseReconciles(t *testing.T) {
	t.Parallel()
	const text = `# HELP graft_reconcile_duration_seconds How long it took to compare everything.
# TYPE graft_reconcile_duration_seconds histogram
graft_reconcile_duration_seconds_bucket{plane="root",le="0.1"} 3
graft_reconcile_duration_seconds_sum{plane="the root"} 0.25
graft_reconcile_duration_seconds_count{plane="the root"} 3
graft_runtime_up 1
`
	got, err := parseReconciles(text)
	if err != nil || got != (reconciles{count: 3, seconds: 0.25}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parseReconciles("graft_runtime_up 1\n"); err == nil {
		t.Error("no error although the metric is missing")
	}
}
