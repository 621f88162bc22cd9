package cli

import (
	"testing"

	"github.com/graftplatform/graft"
)

func TestSettled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  graft.InstallationStatus
		details *graft.StatusDetails
		want    bool
	}{
		"another spec":        {graft.StatusActive, &graft.StatusDetails{Generation: 1}, false},
		"at work":             {graft.StatusInstalling, &graft.StatusDetails{Generation: 2}, false},
		"active":              {graft.StatusActive, &graft.StatusDetails{Generation: 2}, true},
		"the old engine":      {graft.StatusFailed, nil, true},
		"being taken back":    {graft.StatusFailed, &graft.StatusDetails{Generation: 2, GaveUp: true}, false},
		"taken back":          {graft.StatusFailed, &graft.StatusDetails{Generation: 2, GaveUp: true, Outcome: graft.OutcomeRestored}, true},
		"being disabled":      {graft.StatusDisabling, &graft.StatusDetails{Generation: 2}, false},
		"just to be disabled": {graft.StatusDisabling, nil, false},
		"not put back":        {graft.StatusDisabling, &graft.StatusDetails{Generation: 2, Outcome: graft.OutcomeNotRestored}, true},
		"not put back before": {graft.StatusDisabling, &graft.StatusDetails{Generation: 1, Outcome: graft.OutcomeNotRestored}, false},
	} {
		if got := settled(&graft.Installation{Generation: 2, Status: c.status, Details: c.details}); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
