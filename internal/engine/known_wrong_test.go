package engine

import "testing"

// TestKnownWrongPlans has the plans that are known to be wrong, as they should
// be.
func TestKnownWrongPlans(t *testing.T) {
	t.Parallel()
	comparePlans(t, "testdata/known_bugs/*.txt")
}
