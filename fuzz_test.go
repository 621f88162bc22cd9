package graft_test

import (
	"slices"
	"testing"

	"github.com/graftplatform/graft"
)

// FuzzParseVersionRange: a range says again what it was, and chooses of versions
// only such as are in it.
func FuzzParseVersionRange(f *testing.F) {
	for _, text := range []string{
		"", "latest", "1.2.3", "^1.2", "~1.2.3", ">=1.2 <2", "1.x || >=3.0.0-0", "1.2.3-beta.1+b", "v1", "*", "1 - 2", "=1", "!=1.0.0", "^99999999999999999999", ">=1.2, <3", "||", "1.2.3 ",
	} {
		f.Add(text, "1.2.3", "2.0.0-beta.1")
	}
	f.Fuzz(func(t *testing.T, text, a, b string) {
		r, err := graft.ParseVersionRange(text)
		if err != nil {
			if graft.ErrorCode(err) != graft.CodeInvalid {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := graft.ParseVersionRange(r.String())
		if err != nil || again.String() != r.String() || again.Exact() != r.Exact() {
			t.Fatalf("%q is %q, and that is %q, %v", text, r, again, err)
		}
		versions := []string{a, b, "1.2.3", "0.0.1"}
		best, same := r.Best(versions), again.Best(versions)
		if best != same || best < -1 || best >= len(versions) {
			t.Errorf("%q chooses %d, and the same again %d", text, best, same)
		}
		if best >= 0 && r.Best(versions[best:best+1]) != 0 {
			t.Errorf("%q chooses %q, which is not in it", text, versions[best])
		}
		if graft.CompareVersions(a, b) != -graft.CompareVersions(b, a) {
			t.Errorf("%q and %q are not in order", a, b)
		}
	})
}

// FuzzLookalike: names that look alike do so from both sides, and have a key in
// common, by which they are found.
func FuzzLookalike(f *testing.F) {
	for _, pair := range [][2]string{
		{"hello", "hell0"}, {"hello", "helo"}, {"a", "a"}, {"", ""}, {"rn", "m"}, {"scheduler", "schedulers"}, {"scheduler", "shceduler"}, {"Ⅷ", "viii"}, {"ｈello", "hello"}, {"1l|I", "illl"}, {"\xff", "a"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 200 || len(b) > 200 {
			return // names are shorter
		}
		alike := graft.Lookalike(a, b)
		if alike != graft.Lookalike(b, a) {
			t.Errorf("%q and %q look alike from one side", a, b)
		}
		if !graft.Lookalike(a, a) {
			t.Errorf("%q does not look like itself", a)
		}
		keys := graft.LookalikeKeys(b)
		if alike && !slices.ContainsFunc(graft.LookalikeKeys(a), func(key string) bool { return slices.Contains(keys, key) }) {
			t.Errorf("%q and %q look alike and have no key in common", a, b)
		}
	})
}
