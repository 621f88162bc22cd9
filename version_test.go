package graft_test

import (
	"testing"

	"github.com/graftplatform/graft"
)

func TestVersionRange(t *testing.T) {
	t.Parallel()
	versions := []string{"0.0.1", "1.2.0", "2.0.0-beta.1", "1.10.0", "1.2.9", "odd", "0.3.1"}
	for text, want := range map[string]string{
		"": "1.10.0", "latest": "1.10.0", "^1.2": "1.10.0", "~1.2": "1.2.9", "1.2.0": "1.2.0", " 1.2.0 ": "1.2.0",
		"2.0.0-beta.1": "2.0.0-beta.1", ">=2.0.0-0": "2.0.0-beta.1", "<1": "0.3.1", ">=1.2 <1.3": "1.2.9",
		"1": "1.10.0", "*": "1.10.0", "^3": "", "3.0.0": "", "^0.3": "0.3.1", "0.0.1 || ~1.2": "1.2.9",
	} {
		r, err := graft.ParseVersionRange(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got := ""
		if i := r.Best(versions); i >= 0 {
			got = versions[i]
		}
		if got != want {
			t.Errorf("%q chooses %q, want %q", text, got, want)
		}
	}
	r, _ := graft.ParseVersionRange(graft.Latest)
	if i := r.Best([]string{"1.0.0-rc.1", "1.0.0-rc.2"}); i != 1 {
		t.Errorf("latest of release candidates is number %d", i)
	}
	for _, text := range []string{"next", "^", "1.2.3.4", "v", "1.x.y", "\x00"} {
		if r, err := graft.ParseVersionRange(text); graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("%q is taken for %v: %v", text, r, err)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	order := []string{"", "odd", "0.0.1", "0.0.2", "0.0.10", "1.0.0-beta", "1.0.0"}
	for i, a := range order {
		for j, b := range order {
			if got := graft.CompareVersions(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q and %q: %d", a, b, got)
			}
		}
	}
	if graft.VersionKey("1.0.0+build.7") != "1.0.0" {
		t.Error("build metadata makes versions different")
	}
}
