package engine

import (
	"strings"
	"testing"
)

func TestScopedNamesFitDocker(t *testing.T) {
	t.Parallel()
	addon, name := strings.Repeat("a", 128), strings.Repeat("v", 127)
	one, other := testSettings.scoped(addon, name+"1"), testSettings.scoped(addon, name+"2")
	if len(one) > 255 || len(other) > 255 || one == other {
		t.Errorf("%d and %d characters:\n%s\n%s", len(one), len(other), one, other)
	}
	if got := testSettings.scoped("my addon", "data"); got != "root_my-addon_data" {
		t.Errorf("got %s", got)
	}
}
