package market_test

import (
	"bytes"
	"database/sql"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/market"
	"github.com/graftplatform/graft/internal/store"
)

// A database that fails for ten minutes does not fill the log, and what waits is
// verified when it works again.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := newPlace(t, market.Options{Poll: time.Second, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))})
		p.resolver.fail("late", graft.CodeUnavailable, "can't be reached")
		addon := p.publish("a", "late")
		synctest.Wait()
		p.resolver.set("late", nil)
		log.Reset()
		change := p.another()
		change(`alter table verifications rename to nowhere`)
		time.Sleep(10 * time.Minute) // of the bubble
		change(`alter table nowhere rename to verifications`)
		p.waitFor(addon.ID, graft.AddonApproved)
		p.stop() // the log is nobody's any more
		p.stop = func() {}
		away, back := strings.Count(log.String(), "gives no verification"), strings.Count(log.String(), "gives verifications to do again")
		if away < 10 || away > 11 || back != 1 || strings.Count(log.String(), "\n") > away+back+2 {
			t.Errorf("it is told %d times that the database fails, %d times that it works again:\n%s", away, back, log.String())
		}
	})
}

// another is another program with the database: it runs a statement.
func (p *place) another() func(statement string) {
	p.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.dir, store.FileName)+"?_pragma=busy_timeout(2000)")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = db.Close() })
	return func(statement string) {
		p.t.Helper()
		if _, err := db.ExecContext(p.t.Context(), statement); err != nil {
			p.t.Fatal(err)
		}
	}
}
