package cli

import (
	"bytes"
	"strings"
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

// What came up and failed afterwards is not called done.
func TestOutcomeOfWhatFailed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  graft.InstallationStatus
		outcome graft.Outcome
		shown   bool
	}{
		"up":             {graft.StatusActive, graft.OutcomeDone, true},
		"failed later":   {graft.StatusFailed, graft.OutcomeDone, false},
		"never came up":  {graft.StatusFailed, graft.OutcomeRestored, true},
		"is at it":       {graft.StatusInstalling, "", false},
		"is not settled": {graft.StatusFailed, "", false},
	} {
		var out bytes.Buffer
		printInstallation(&out, &graft.Installation{Status: c.status, Details: &graft.StatusDetails{Outcome: c.outcome}})
		if got := strings.Contains(out.String(), "Last outcome"); got != c.shown {
			t.Errorf("%s: %t:\n%s", name, got, out.String())
		}
	}
}
