package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/pgtest"
	"github.com/graftplatform/graft/internal/store"
)

// fill puts something into every table.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.EngineID(t.Context())
	check(err)
	check(s.Check(t.Context()))
	for i, name := range []string{"hello", "hello", "it's \"quoted\" <b> ☃ \u2028", "gone"} {
		addon := &graft.Addon{
			Descriptor: graft.Descriptor{Name: name, Services: []graft.Service{{Name: "s", Image: "x"}}},
			Status:     graft.AddonUnderReview, Publisher: "ann",
		}
		check(s.CreateAddon(t.Context(), addon, nil))
		switch i {
		case 0:
			_, err := s.ChangeAddon(t.Context(), addon.ID, func(a *graft.Addon) error {
				a.Status = graft.AddonApproved
				return nil
			})
			check(err)
		case 3:
			check(s.DeleteAddon(t.Context(), addon.ID)) // its version stays given
		}
	}
	_, err = s.ClaimVerification(t.Context(), "me", time.Now(), time.Minute)
	check(err)
	inst := &graft.Installation{
		MarketplaceID: graft.NewID(time.Now()), Descriptor: graft.Descriptor{Name: "hello"},
		Images: map[string]string{"s": "x@sha256:0"}, Supersede: true,
	}
	check(s.CreateInstallation(t.Context(), inst))
	_, err = s.SetStatus(t.Context(), inst.ID, 1, graft.StatusActive, &graft.StatusDetails{Reason: "why"}, "s | \x1b[31m\\ \r\n\t☃")
	check(err)
	check(s.SaveSwap(t.Context(), store.Swap{Component: "c", InstallationID: inst.ID, Service: "s", Record: json.RawMessage(`{"Id": "1"}`)}))
	check(s.KeepVolume(t.Context(), store.KeptVolume{Name: "v", Addon: "hello", MadeFor: graft.NewID(time.Now())}, ""))
	check(s.CreateToken(t.Context(), graft.Token{ID: graft.NewID(time.Now()), Name: "ann", Role: graft.RoleViewer, CreatedAt: time.Now()}, "hash"))
	check(s.AppendAudit(t.Context(), []graft.AuditEntry{{Action: "one"}, {Action: "two"}}))
	check(s.AppendEvents(t.Context(), []graft.Event{
		{Type: graft.EventStep, Time: time.Now(), Message: "one", InstallationID: inst.ID},
		{Type: graft.EventStep, Time: time.Now(), Message: "two"},
	}))
}

func export(t *testing.T, s *store.Store) string {
	t.Helper()
	var out bytes.Buffer
	if err := s.Export(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// content is an export without what is about itself.
func content(t *testing.T, exported string) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(exported), "\n")
	var head map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &head); err != nil {
		t.Fatal(err)
	}
	delete(head, "at")
	delete(head, "from")
	lines[0] = fmt.Sprint(head)
	return lines
}

// Everything moves from each kind of database to each.
func moveEverything(t *testing.T, server *pgtest.Server) {
	kinds := map[string]func() *store.Store{
		"SQLite":     func() *store.Store { return open(t, t.TempDir()) },
		"PostgreSQL": func() *store.Store { return connect(t, server.Database(t)) },
	}
	for from, source := range kinds {
		old := source()
		fill(t, old)
		exported := export(t, old)
		for _, table := range must(t)(old.Info(t.Context())).Tables {
			if table.Rows == 0 {
				t.Fatalf("the table %s is empty: have fill put something into it", table.Name)
			}
		}
		for to, target := range kinds {
			moved := target()
			if _, err := moved.EngineID(t.Context()); err != nil { // a server was started here once
				t.Fatal(err)
			}
			if _, err := moved.Import(t.Context(), strings.NewReader(exported)); err != nil {
				t.Fatalf("from %s to %s: %v", from, to, err)
			}
			if diff := cmp.Diff(content(t, exported), content(t, export(t, moved))); diff != "" {
				t.Errorf("from %s to %s (-want +got):\n%s", from, to, diff)
			}
			same(t, old, moved)
			found, _, err := moved.PageOfAddons(t.Context(), &graft.AddonQuery{Text: "hel", Limit: 10})
			if err != nil || len(found) != 1 {
				t.Errorf("from %s to %s: %d addons are found, %v", from, to, len(found), err)
			}
			if _, err := moved.Import(t.Context(), strings.NewReader(exported)); graft.ErrorCode(err) != graft.CodeConflict {
				t.Errorf("a second time: %v", err)
			}
			next := &graft.Addon{Descriptor: graft.Descriptor{Name: "next"}}
			if err := moved.CreateAddon(t.Context(), next, nil); err != nil {
				t.Errorf("from %s to %s: nothing new can be published: %v", from, to, err)
			}
			event := []graft.Event{{Type: graft.EventStep, Time: time.Now()}}
			if err := moved.AppendEvents(t.Context(), event); err != nil || event[0].ID != 3 {
				t.Errorf("the next event is %d: %v", event[0].ID, err)
			}
		}
	}
}

func must(t *testing.T) func(*store.Info, error) *store.Info {
	return func(info *store.Info, err error) *store.Info {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
}

// same compares two stores as their users see them.
func same(t *testing.T, a, b *store.Store) {
	t.Helper()
	see := func(s *store.Store) (seen []any) {
		t.Helper()
		id, err1 := s.EngineID(t.Context())
		installations, err2 := s.Installations(t.Context())
		swaps, err3 := s.Swaps(t.Context())
		name, err4 := s.Name(t.Context(), "hello")
		events, err5 := s.Events(t.Context(), "", 0, 10)
		for _, err := range []error{err1, err2, err3, err4, err5} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return []any{id, installations, swaps, name, events}
	}
	if diff := cmp.Diff(see(a), see(b)); diff != "" {
		t.Errorf("differs:\n%s", diff)
	}
}

// Ids of events that are gone are not given again after a move, either.
func TestMoveKeepsLastIDs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := open(t, dir)
	fill(t, old)
	raw(t, dir, `delete from events`)
	moved := open(t, t.TempDir())
	if _, err := moved.Import(t.Context(), strings.NewReader(export(t, old))); err != nil {
		t.Fatal(err)
	}
	event := []graft.Event{{Type: graft.EventStep, Time: time.Now()}}
	if err := moved.AppendEvents(t.Context(), event); err != nil || event[0].ID != 3 {
		t.Errorf("the next event is %d: %v", event[0].ID, err)
	}
}

// Nothing of an import that is broken anywhere is kept.
func brokenImports(t *testing.T, server *pgtest.Server) {
	old := open(t, t.TempDir())
	fill(t, old)
	good := strings.Split(strings.TrimSuffix(export(t, old), "\n"), "\n")
	targets := []*store.Store{open(t, t.TempDir()), connect(t, server.Database(t))}
	last := len(good) - 1
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"empty":         {nil, "Line 1 "},
		"no export":     {[]string{`{"name": "x"}`}, "it is no export"},
		"other format":  {[]string{`{"graft_export": 99}`}, "format 99"},
		"other schema":  {[]string{`{"graft_export": 1, "schema": 1}`}, "schema version 1"},
		"cut off":       {good[:last], "a part is missing"},
		"row missing":   {slices.Delete(slices.Clone(good), last-1, last), "had 2 rows, and 1 are here"},
		"row twice":     {slices.Insert(slices.Clone(good), 2, good[1]), "Line 3 "},
		"no JSON":       {slices.Insert(slices.Clone(good), 3, "{"), "Line "},
		"other table":   {slices.Insert(slices.Clone(good), 1, `{"table": "sqlite_master", "row": {"name": "x"}}`), "no table"},
		"other columns": {slices.Insert(slices.Clone(good), 1, `{"table": "meta", "row": {"key": "a", "value\") --": "b"}}`), "has the columns key, value"},
		"no text":       {slices.Insert(slices.Clone(good), 1, `{"table": "meta", "row": {"key": ["a"], "value": "b"}}`), "neither a text"},
		"null":          {slices.Insert(slices.Clone(good), 1, `{"table": "meta", "row": {"key": null, "value": "b"}}`), "neither a text"},
		"dangling":      {slices.Insert(slices.Clone(good), last, `{"table": "versions", "row": {"name": "nobody", "key": "1"}}`), "Line "},
		"more":          {append(slices.Clone(good), good[1]), "more after the end"},
	} {
		for _, target := range targets {
			_, err := target.Import(t.Context(), strings.NewReader(strings.Join(c.lines, "\n")))
			if graft.ErrorCode(err) != graft.CodeInvalid || !strings.Contains(graft.ErrorMessage(err), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			for _, table := range must(t)(target.Info(t.Context())).Tables {
				if table.Rows != 0 {
					t.Fatalf("%s: the table %s has %d rows", name, table.Name, table.Rows)
				}
			}
		}
	}
}

// Whoever makes a new table has it moved, too.
func TestEveryTableIsMoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	var known []string
	for _, table := range must(t)(s.Info(t.Context())).Tables {
		known = append(known, table.Name)
	}
	slices.Sort(known)
	db := administerFile(t, dir)
	rows, err := db.QueryContext(t.Context(), `select name from sqlite_master where type = 'table' and
		name not like 'sqlite_%' and name <> 'goose_db_version' and
		name not like 'addon_terms%' and name <> 'addon_places' order by name`) // what finds addons is made anew
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var there []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		there = append(there, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(there, known); diff != "" {
		t.Errorf("see tables in maintain.go (-there +known):\n%s", diff)
	}
}

// A database is looked at while a server has it, and nothing is made where there
// is none.
func lookAtDatabases(t *testing.T, server *pgtest.Server) {
	for _, c := range []struct{ dir, database string }{{t.TempDir(), ""}, {"", server.Database(t)}} {
		s, err := store.Look(t.Context(), c.dir, c.database)
		if c.database == "" {
			if graft.ErrorCode(err) != graft.CodeNotFound {
				t.Errorf("an empty directory: %v", err)
			}
		} else {
			if err != nil {
				t.Fatal(err)
			}
			if info := must(t)(s.Info(t.Context())); info.Schema != 0 || len(info.Tables) != 0 || info.Known < 5 {
				t.Errorf("an empty database: %+v", info)
			}
			if err := s.Export(t.Context(), &bytes.Buffer{}); graft.ErrorCode(err) != graft.CodeConflict {
				t.Errorf("export of an empty database: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		dir := c.dir
		if dir == "" {
			dir = t.TempDir()
		}
		serving, err := store.Connect(t.Context(), dir, c.database)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, serving)
		if s, err = store.Look(t.Context(), c.dir, c.database); err != nil {
			t.Fatal(err)
		}
		if info := must(t)(s.Info(t.Context())); info.Schema != info.Known {
			t.Errorf("info is %+v", info)
		}
		if diff := cmp.Diff(content(t, export(t, serving)), content(t, export(t, s))); diff != "" {
			t.Error(diff)
		}
		for _, s := range []*store.Store{s, serving} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// An engine's database is not filled behind its back.
func importBesideAnEngine(t *testing.T, server *pgtest.Server) {
	old := open(t, t.TempDir())
	database := server.Database(t)
	engine := connect(t, database)
	if err := engine.LockEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, made, err := store.Maintain(t.Context(), "", database)
	if err != nil || len(made) != 0 {
		t.Fatalf("%v, %v", made, err)
	}
	defer s.Close()
	if _, err := s.Import(t.Context(), strings.NewReader(export(t, old))); graft.ErrorCode(err) != graft.CodeConflict {
		t.Errorf("error is %v", err)
	}
}
