package graft_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/graftplatform/graft"
)

func TestLookalike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"scheduler", "scheduler", true},
		{"scheduler", "Scheduler", true},
		{"my-scheduler", "my_scheduler", true},
		{"scheduler", "schedu1er", true},
		{"modern", "modem", true},
		{"scheduler", "ѕсhеdulеr", true}, // Cyrillic letters
		{"scheduler", "schedulers", true},
		{"scheduler", "shceduler", true},
		{"scheduler", "scheduuler", true},
		{"scheduler", "schedular", true},
		{"scheduler", "sceduler2", false},
		{"brk-r", "brk-г", true}, // a Cyrillic letter
		{"mqtt", "ｍｑｔｔ", true},   // wide ones
		{"mqtt", "𝐦𝐪𝐭𝐭", true},   // bold ones
		{"MQtt2", "𝓜𝙌𝚝𝖙𝟚", true}, // of other styles
		{"mini", "mını", true},   // no points above
		{"mqtt", "mqtts", false}, // short
		{"mqtt", "mqttt", false},
		{"grafana", "prometheus", false},
		{"scheduler-a", "random-scheduler", false},
	} {
		if got := graft.Lookalike(c.a, c.b); got != c.want || graft.Lookalike(c.b, c.a) != c.want {
			t.Errorf("%q and %q: %t", c.a, c.b, got)
		}
	}
}

// What looks alike has a key in common.
func TestLookalikeKeys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := []rune(rapid.StringMatching(`[a-c01\-_ ]{1,9}`).Draw(t, "name"))
		b := slices.Clone(a)
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		switch r := []rune("ablO-")[rapid.IntRange(0, 4).Draw(t, "letter")]; rapid.IntRange(0, 3).Draw(t, "change") {
		case 0:
			b[i] = r
		case 1:
			b = slices.Insert(b, i, r)
		case 2:
			b = slices.Delete(b, i, i+1)
		case 3:
			j := (i + 1) % len(b)
			b[i], b[j] = b[j], b[i]
		}
		keys := graft.LookalikeKeys(string(a))
		common := slices.ContainsFunc(graft.LookalikeKeys(string(b)), func(key string) bool { return slices.Contains(keys, key) })
		if graft.Lookalike(string(a), string(b)) && !common {
			t.Fatalf("%q and %q look alike and have no key in common", string(a), string(b))
		}
	})
}
