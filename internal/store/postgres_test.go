package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/pgtest"
	"github.com/graftplatform/graft/internal/store"
	"github.com/graftplatform/graft/internal/store/storetest"
)

// TestPostgres has all tests on a PostgreSQL, which is started once for them.
func TestPostgres(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	t.Run("Conformance", func(t *testing.T) {
		t.Parallel()
		storetest.Run(t, func(t *testing.T) *store.Store { return connect(t, server.Database(t)) })
	})
	for name, test := range map[string]func(*testing.T, string){
		"ManyStartAtOnce":       manyStartAtOnce,
		"OneEngine":             oneEngine,
		"EngineLosesConnection": engineLosesConnection,
		"ClaimsPassOver":        claimsPassOver,
		"NewerSchemaIsRefused":  newerSchemaIsRefused,
		"ReadOnly":              readOnly,
		"TwoSchemas":            twoSchemas,
		"NoSuchDatabase":        noSuchDatabase,
		"TablesOfOthers":        tablesOfOthers,
		"AuditIsAppendOnly":     auditIsAppendOnly,
		"NamesComeInOrder":      namesComeInOrder,
		"LocksComeInOrder":      locksComeInOrder,
		"OneLookalikeIsFirst":   oneLookalikeIsFirst,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server.Database(t))
		})
	}
	for name, test := range map[string]func(*testing.T, *pgtest.Server){
		"MoveEverything":       moveEverything,
		"BrokenImports":        brokenImports,
		"LookAtDatabases":      lookAtDatabases,
		"ImportBesideAnEngine": importBesideAnEngine,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

// connect opens a store, with a data directory of its own.
func connect(t testing.TB, database string) *store.Store {
	t.Helper()
	s, err := store.Connect(t.Context(), t.TempDir(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// administerFile opens a connection to the file of a data directory.
func administerFile(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// administer opens connections of somebody else.
func administer(t *testing.T, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func manyStartAtOnce(t *testing.T, database string) {
	const many = 5
	ids := make([]string, many)
	var all sync.WaitGroup
	for i := range many {
		dir := t.TempDir()
		all.Go(func() {
			s, err := store.Connect(t.Context(), dir, database)
			if err != nil {
				t.Error(err)
				return
			}
			if ids[i], err = s.EngineID(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(slices.Compact(ids)) != 1 || ids[0] == "" {
		t.Errorf("engine ids are %q", ids)
	}
}

func oneEngine(t *testing.T, database string) {
	first, err := store.Connect(t.Context(), t.TempDir(), database)
	if err != nil {
		t.Fatal(err)
	}
	second := connect(t, database)
	if err := first.LockEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = second.LockEngine(t.Context())
	if graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(graft.ErrorMessage(err), fmt.Sprintf("process %d", os.Getpid())) {
		t.Fatalf("the second engine: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.LockEngine(t.Context()); err != nil {
		t.Fatalf("when the first is gone: %v", err)
	}
}

// The connection that has the lock breaks, as when the database is started anew:
// it is taken again, or, if another engine was faster, this one ends.
func engineLosesConnection(t *testing.T, database string) {
	first, second, admin := connect(t, database), connect(t, database), administer(t, database)
	if err := first.LockEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- first.KeepEngine(t.Context()) }()
	cut := func() {
		t.Helper()
		var done bool
		err := admin.QueryRowContext(t.Context(), `select pg_terminate_backend(pid, 10000) from pg_locks
			where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`).Scan(&done)
		if err != nil || !done {
			t.Fatalf("cut: %t, %v", done, err)
		}
	}
	locks := func() (n int) {
		t.Helper()
		err := admin.QueryRowContext(t.Context(), `select count(*) from pg_locks
			where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	cut()
	for locks() == 0 { // the test's time limit ends it
		time.Sleep(20 * time.Millisecond)
	}
	if err := second.LockEngine(t.Context()); graft.ErrorCode(err) != graft.CodeConflict {
		t.Fatalf("it was not taken again: %v", err)
	}
	for taken := false; !taken; { // unless the first happens to look again just then
		cut()
		err := second.LockEngine(t.Context())
		if taken = err == nil; !taken && graft.ErrorCode(err) != graft.CodeConflict {
			t.Fatal(err)
		}
	}
	if err := <-ended; graft.ErrorCode(err) != graft.CodeConflict {
		t.Fatalf("the first goes on beside the second: %v", err)
	}
}

// A claim that another one is just making is passed over, not waited for.
func claimsPassOver(t *testing.T, database string) {
	s, admin := connect(t, database), administer(t, database)
	for range 2 {
		if err := s.CreateAddon(t.Context(), &graft.Addon{Descriptor: graft.Descriptor{Name: "a"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := admin.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	var other string
	if err := tx.QueryRowContext(t.Context(), `select addon_id from verifications order by ready_at limit 1 for update`).Scan(&other); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Minute)
	mine, err := s.ClaimVerification(t.Context(), "me", later, time.Hour)
	if err != nil || mine == nil || mine.AddonID == other {
		t.Fatalf("%s is being claimed by another one, claimed: %+v, %v", other, mine, err)
	}
	if none, err := s.ClaimVerification(t.Context(), "me", later, time.Hour); err != nil || none != nil {
		t.Fatalf("claimed: %+v, %v", none, err)
	}
}

func newerSchemaIsRefused(t *testing.T, database string) {
	connect(t, database)
	if _, err := administer(t, database).ExecContext(t.Context(), `insert into goose_db_version (version_id, is_applied) values (4711, true)`); err != nil {
		t.Fatal(err)
	}
	notConnected(t, database, graft.CodeConflict, "4711", "knows versions up to ", "--database")
}

func readOnly(t *testing.T, database string) {
	s := connect(t, database)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	standby := connect(t, database+"&default_transaction_read_only=on")
	err := standby.Check(t.Context())
	if graft.ErrorCode(err) != graft.CodeUnavailable || !strings.Contains(graft.ErrorMessage(err), "can only be read") {
		t.Errorf("error is %v", err)
	}
}

// Two installations in one database, each in a schema of its own, are strangers.
func twoSchemas(t *testing.T, database string) {
	admin := administer(t, database)
	ids := map[string]bool{}
	for _, schema := range []string{"one", "two"} {
		if _, err := admin.ExecContext(t.Context(), `create schema `+schema); err != nil {
			t.Fatal(err)
		}
		s := connect(t, database+"&search_path="+schema)
		if err := s.LockEngine(t.Context()); err != nil {
			t.Fatal(err)
		}
		event := []graft.Event{{Type: graft.EventStep, Time: time.Now()}}
		if err := s.AppendEvents(t.Context(), event); err != nil || event[0].ID != 1 {
			t.Errorf("event %d, %v", event[0].ID, err)
		}
		id, err := s.EngineID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids[id] = true
	}
	if len(ids) != 2 {
		t.Errorf("engine ids are %v", ids)
	}
}

func noSuchDatabase(t *testing.T, database string) {
	before, host, _ := strings.Cut(database, "?")
	notConnected(t, before+"0?"+host, graft.CodeUnavailable, "does not exist")
	notConnected(t, database+"&search_path=graft", graft.CodeUnavailable, "no schema", "graft", "create schema")
	notConnected(t, "postgres://user:secret@127.0.0.1:1/graft?connect_timeout=5", graft.CodeUnavailable, "postgres://127.0.0.1:1/graft", "does not answer")
	notConnected(t, "mysql://user:secret@127.0.0.1/graft", graft.CodeInvalid, "postgres://", "--database")
	notConnected(t, "postgres://user:secret@127.0.0.1:port/graft", graft.CodeInvalid, "postgres://", "--database")
}

// Tables that are there, and that this user may not read, are not told as none.
func tablesOfOthers(t *testing.T, database string) {
	connect(t, database)
	if _, err := administer(t, database).ExecContext(t.Context(), `create role stranger`); err != nil {
		t.Fatal(err)
	}
	s, err := store.Look(t.Context(), "", database+"&role=stranger")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if info, err := s.Info(t.Context()); graft.ErrorCode(err) != graft.CodeUnavailable || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("info is %+v, %v", info, err)
	}
}

// Who waits for an addon's verification holds nothing that whoever ends it needs:
// each would wait for the other.
func locksComeInOrder(t *testing.T, database string) {
	s, admin := connect(t, database), administer(t, database)
	for what, other := range map[string]func(id string) error{
		"delete": func(id string) error { return s.DeleteAddon(t.Context(), id) },
		"verify again": func(id string) error {
			_, err := s.EnqueueVerification(t.Context(), id, func(*graft.Addon) error { return nil })
			return err
		},
	} {
		addon := &graft.Addon{Descriptor: graft.Descriptor{Name: what}, Status: graft.AddonUnderReview}
		if err := s.CreateAddon(t.Context(), addon, nil); err != nil {
			t.Fatal(err)
		}
		work, err := s.ClaimVerification(t.Context(), "owner", time.Now(), time.Minute)
		if err != nil || work == nil || work.AddonID != addon.ID {
			t.Fatalf("%s: got %+v, %v", what, work, err)
		}
		ended := make(chan error, 1)
		_, err = s.FinishVerification(t.Context(), work, func(addon *graft.Addon) error {
			go func() { ended <- other(addon.ID) }()
			for waiting := 0; waiting == 0; { // the test's time limit ends it
				err := admin.QueryRowContext(t.Context(), `select count(*) from pg_stat_activity
					where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting)
				if err != nil {
					return err
				}
			}
			_, err := admin.ExecContext(t.Context(), `select from names n join addons a on a.name = n.name where a.id = $1 for update nowait`, addon.ID)
			addon.Status = graft.AddonApproved
			return err
		})
		if err != nil {
			t.Errorf("%s: it holds what the end of a verification needs: %v", what, err)
		}
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if work, err := s.ClaimVerification(t.Context(), "owner", time.Now(), time.Minute); err != nil || (work != nil) != (what == "verify again") {
			t.Errorf("%s: afterwards there is %+v, %v", what, work, err)
		}
	}
}

// notConnected checks that a database can't be opened, that the message says why,
// and that nothing tells the password.
func notConnected(t *testing.T, database string, code graft.Code, words ...string) {
	t.Helper()
	s, err := store.Connect(t.Context(), t.TempDir(), database)
	if err == nil {
		_ = s.Close()
		t.Fatal("it opened")
	}
	if graft.ErrorCode(err) != code {
		t.Errorf("code is %q, want %q: %v", graft.ErrorCode(err), code, err)
	}
	if message := graft.ErrorMessage(err); code == graft.CodeUnavailable && strings.Contains(message, "127.0.0.1") {
		t.Errorf("strangers read %q", message)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not mention %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the password is told: %v", err)
	}
}

// TestPostgresGoesAway has a server of its own, which ends and comes back.
func TestPostgresGoesAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := connect(t, server.Database(t))
	addon := &graft.Addon{Descriptor: graft.Descriptor{Name: "a"}}
	if err := s.CreateAddon(t.Context(), addon, nil); err != nil {
		t.Fatal(err)
	}
	server.Stop(t)
	for _, err := range []error{
		s.Check(t.Context()),
		s.CreateAddon(t.Context(), &graft.Addon{Descriptor: graft.Descriptor{Name: "b"}}, nil),
	} {
		if graft.ErrorCode(err) != graft.CodeUnavailable {
			t.Errorf("while it is away: %v", err)
		}
	}
	server.Restart(t)
	if _, err := s.Addon(t.Context(), addon.ID); err != nil {
		t.Errorf("when it is back: %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// Both databases have the same history.
func TestMigrationsHaveTheSameVersions(t *testing.T) {
	t.Parallel()
	versions := func(kind string) (numbers []string) {
		files, err := filepath.Glob("migrations/" + kind + "/*.sql")
		if err != nil || len(files) == 0 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, file := range files {
			number, _, _ := strings.Cut(filepath.Base(file), "_")
			numbers = append(numbers, strings.TrimLeft(number, "0"))
		}
		slices.Sort(numbers)
		return numbers
	}
	if a, b := versions("sqlite"), versions("postgres"); !slices.Equal(a, b) {
		t.Errorf("SQLite has %v, PostgreSQL %v", a, b)
	}
}

// Neither does PostgreSQL let anybody change or empty the audit log; what is
// beyond the newest goes.
func auditIsAppendOnly(t *testing.T, database string) {
	s, db := connect(t, database), administer(t, database)
	add := func(n int) {
		t.Helper()
		if err := s.AppendAudit(t.Context(), make([]graft.AuditEntry, n)); err != nil {
			t.Fatal(err)
		}
	}
	add(2)
	for statement, want := range map[string]string{
		`update audit set document = '{}'`: "append-only",
		`truncate audit`:                   "append-only",
		`delete from audit`:                "stay",
		`delete from audit where id = 1`:   "stay",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if _, err := db.ExecContext(t.Context(), `insert into audit (document, principal, nth) select '{}', 'busy', n from generate_series(1, 101000) as n`); err != nil {
		t.Fatal(err)
	}
	add(1000) // some number among theirs has it counted
	var n, busy int
	if err := db.QueryRowContext(t.Context(), `select count(*), count(*) filter (where principal = 'busy') from audit`).Scan(&n, &busy); err != nil {
		t.Fatal(err)
	}
	if others := n - busy; n < 100000 || n > 101000 || others != 1002 {
		t.Errorf("there are %d entries, %d of others", n, others)
	}
}

// New names are published one after the other, so that whoever sees one sees those
// before it; versions of a name that is there need not wait.
func namesComeInOrder(t *testing.T, database string) {
	s, db := connect(t, database), administer(t, database)
	publish := func(ctx context.Context, name string) error {
		return s.CreateAddon(ctx, &graft.Addon{Descriptor: graft.Descriptor{Name: name}, Publisher: "ann"}, nil)
	}
	if err := publish(t.Context(), "old"); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	// As somebody who publishes a name has not ended yet.
	if _, err := tx.ExecContext(t.Context(), `select pg_advisory_xact_lock(1735549286, hashtext('names ' || current_schema()))`); err != nil {
		t.Fatal(err)
	}
	if err := publish(t.Context(), "old"); err != nil {
		t.Error(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := publish(soon, "new"); err == nil {
		t.Error("a name is published while another one is")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := publish(t.Context(), "new"); err != nil {
		t.Error(err)
	}
}

// Of two names that can be taken for each other, published at a time by two
// processes whose clocks differ, each knows the same one as the first.
func oneLookalikeIsFirst(t *testing.T, database string) {
	replicas := []*store.Store{connect(t, database), connect(t, database)}
	for round := range 20 {
		names := []string{fmt.Sprintf("scheduler-%c", 'a'+round), fmt.Sprintf("schedu1er-%c", 'a'+round)}
		var similar [2][]string
		var wg sync.WaitGroup
		for i, s := range replicas {
			wg.Go(func() {
				addon := &graft.Addon{Descriptor: graft.Descriptor{Name: names[i]}, Publisher: names[i], CreatedAt: time.Now().Add(time.Duration(i-1) * time.Minute)}
				err := s.CreateAddon(t.Context(), addon, nil)
				if err == nil {
					similar[i], err = s.Lookalikes(t.Context(), names[i]) // at once, as if it was verified
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if slices.Contains(similar[0], names[1]) == slices.Contains(similar[1], names[0]) {
			t.Fatalf("round %d: %s has %q before it, %s has %q", round, names[0], similar[0], names[1], similar[1])
		}
	}
}
