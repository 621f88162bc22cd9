package graft_test

import (
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

func TestIsPlanHash(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("0a", 32)
	for text, want := range map[string]bool{
		"sha256:" + digits:                  true,
		digits:                              false,
		"sha256:" + digits[1:]:              false,
		"sha256:" + digits + "0":            false,
		"sha256:" + strings.ToUpper(digits): false,
		"md5:" + digits:                     false,
	} {
		if got := graft.IsPlanHash(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
