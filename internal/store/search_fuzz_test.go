package store_test

import (
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

// FuzzSearch: whatever is searched for, and whatever is sent as a cursor, the
// database answers, or the query is refused; nothing of it is a statement.
func FuzzSearch(f *testing.F) {
	for _, text := range []string{
		"", "hello", `"`, `a" OR "b`, "NEAR(a b)", "terms:x", "*", "^a", "a*", "-a", "'; drop table addons; --", "_listed", "_begins_a", "\x00", "\xff", "é Ⅷ", strings.Repeat("x ", 200), "(", "a AND", "{a}", "$1",
	} {
		f.Add(text, "", false)
		f.Add("a", text, true)
	}
	f.Add("a", "MTIgYQ", true)
	f.Add("a", "MTIg", false)
	s := open(f, f.TempDir())
	f.Fuzz(func(t *testing.T, text, cursor string, byName bool) {
		if len(text) > 500 {
			return // the API refuses more
		}
		query := &graft.AddonQuery{Text: text, Name: cursor, Publisher: text, Platform: cursor, Limit: 1}
		for range 2 {
			if byName {
				query.Sort = graft.SortName
			}
			_, _, err := s.PageOfAddons(t.Context(), query)
			if err != nil && (query.Cursor == "" || graft.ErrorCode(err) != graft.CodeInvalid) {
				t.Fatalf("%+v: %v", query, err)
			}
			query.Cursor = cursor
		}
	})
}
