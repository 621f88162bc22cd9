package store

import (
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

// The log is kept within bounds, and neither changed nor emptied, whoever has
// the database open.
func TestAuditIsAppendOnly(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	add := func() {
		t.Helper()
		if err := s.AppendAudit(t.Context(), []graft.AuditEntry{{Action: "a"}}); err != nil {
			t.Fatal(err)
		}
	}
	bounds := func() (oldest, newest, n int64) {
		t.Helper()
		if err := s.read.QueryRowContext(t.Context(), `select min(id), max(id), count(*) from audit`).Scan(&oldest, &newest, &n); err != nil {
			t.Fatal(err)
		}
		return oldest, newest, n
	}
	add()
	add()
	for statement, want := range map[string]string{
		`update audit set document = '{}'`: "append-only",
		`delete from audit`:                "stay",
		`delete from audit where id = 1`:   "stay",
	} {
		if _, err := s.write.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", statement, err)
		}
	}
	// As if there had been very many in between.
	for _, id := range []int64{keptAudit - 1, keptAudit + auditSlack - 1} {
		if _, err := s.write.ExecContext(t.Context(), `insert into audit (id, document) values ($1, '{}')`, id); err != nil {
			t.Fatal(err)
		}
	}
	add()
	if oldest, newest, n := bounds(); oldest != 1 || newest != keptAudit+auditSlack || n != 5 {
		t.Errorf("before: %d to %d, %d entries", oldest, newest, n)
	}
	add()
	if oldest, newest, n := bounds(); oldest != keptAudit-1 || newest != keptAudit+auditSlack+1 || n != 4 {
		t.Errorf("after: %d to %d, %d entries", oldest, newest, n)
	}
}
