package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

// fillAudit writes entries of a principal, as many as wanted.
func fillAudit(t *testing.T, s *Store, principal string, n int) {
	t.Helper()
	_, err := s.write.ExecContext(t.Context(), `insert into audit (document, principal, nth)
		with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < $1) select '{}', $2, n from numbers`, n, principal)
	if err != nil {
		t.Fatal(err)
	}
}

// auditOf counts a principal's entries.
func auditOf(t *testing.T, s *Store, principal string) (n int) {
	t.Helper()
	if err := s.read.QueryRowContext(t.Context(), `select count(*) from audit where principal = $1`, principal).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The log is neither changed nor emptied, whoever has the database open.
func TestAuditIsAppendOnly(t *testing.T) {
	t.Parallel()
	s := openHere(t)
	fillAudit(t, s, "anna", auditShare+1)
	fillAudit(t, s, "otto", 1)
	for statement, want := range map[string]string{
		`update audit set document = '{}'`:              "append-only",
		`delete from audit`:                             "stay",
		`delete from audit where id = 2`:                "stay",
		`delete from audit where principal = 'otto'`:    "stay",
		`delete from audit where id = 1`:                "", // it is beyond her share
		`update audit set principal = 'otto'`:           "append-only",
		`delete from audit where id = 1 or id = 1001`:   "stay",
		`delete from audit where principal = 'nobody' `: "",
	} {
		if _, err := s.write.ExecContext(t.Context(), statement); (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// Whoever does much pushes out what he did himself, and nobody loses the newest of
// what he did.
func TestAuditIsShared(t *testing.T) {
	t.Parallel()
	s := openHere(t)
	add := func(principal string, n int) {
		t.Helper()
		if err := s.AppendAudit(t.Context(), slices.Repeat([]graft.AuditEntry{{Action: "a", Principal: principal}}, n)); err != nil {
			t.Fatal(err)
		}
	}
	add("quiet", 10)
	fillAudit(t, s, "other", 30_000)
	fillAudit(t, s, "busy", keptAudit-30_000)
	add("busy", 2*auditSlack)
	if quiet, other, busy := auditOf(t, s, "quiet"), auditOf(t, s, "other"), auditOf(t, s, "busy"); quiet != 10 || other != 30_000 ||
		quiet+other+busy < keptAudit || quiet+other+busy > keptAudit+auditSlack {
		t.Errorf("of %d, %d and %d entries", quiet, other, busy)
	}
	entries, err := s.Audit(t.Context(), 0, 1)
	if err != nil || len(entries) != 1 || entries[0].ID != 1 || entries[0].Principal != "quiet" {
		t.Errorf("the first is %+v, %v", entries, err)
	}
	for i := range 101 { // more than there is room for, but nobody has more than his share
		fillAudit(t, s, fmt.Sprint("one-", i), auditShare)
	}
	add("quiet", auditSlack)
	if other, one := auditOf(t, s, "other"), auditOf(t, s, "one-0"); other != auditShare || one != auditShare {
		t.Errorf("of %d and %d entries", other, one)
	}
}

// Entries of before are whose they say.
func TestAuditOfBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := s.migrator()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), 9); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.ExecContext(t.Context(), `insert into audit (document) values ('{"principal":"anna"}'), ('{}')`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if anna, nobody := auditOf(t, s, "anna"), auditOf(t, s, ""); anna != 1 || nobody != 1 {
		t.Errorf("of %d and %d entries", anna, nobody)
	}
}

func openHere(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
