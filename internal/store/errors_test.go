package store

import (
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/graftplatform/graft"
)

func TestFullDisk(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	// SQLite reports a file that may not grow as it does a full disk.
	if _, err := s.write.ExecContext(t.Context(), `pragma max_page_count = 1`); err != nil {
		t.Fatal(err)
	}
	addon := &graft.Addon{Descriptor: graft.Descriptor{Name: "a", Readme: strings.Repeat("x", 1<<20)}}
	err = s.CreateAddon(t.Context(), addon, nil)
	if graft.ErrorCode(err) != graft.CodeUnavailable || !strings.Contains(graft.ErrorMessage(err), "full") {
		t.Fatalf("error is %v", err)
	}
	if _, err := s.Addon(t.Context(), addon.ID); graft.ErrorCode(err) != graft.CodeNotFound {
		t.Fatalf("a part was saved: %v", err)
	}
	if _, err := s.write.ExecContext(t.Context(), `pragma max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateAddon(t.Context(), addon, nil); err != nil {
		t.Fatalf("with space again: %v", err)
	}
}

func TestLockedByAnotherProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.write.ExecContext(t.Context(), `pragma busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	other.SetMaxOpenConns(1)
	for _, statement := range []string{`begin immediate`, `update meta set value = value`} {
		if _, err := other.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.EngineID(t.Context())
	if graft.ErrorCode(err) != graft.CodeUnavailable || !strings.Contains(graft.ErrorMessage(err), "locked") {
		t.Fatalf("error is %v", err)
	}
	if _, err := other.ExecContext(t.Context(), `commit`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EngineID(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// What has a connection that broke meanwhile is told no other way than what
// breaks it.
func TestConnectionsThatBroke(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgconn.ErrConnClosed} {
		err := explainPostgres(fmt.Errorf("a part of it: %w", cause), "postgres://db.example/graft")
		if graft.ErrorCode(err) != graft.CodeUnavailable || !strings.Contains(graft.ErrorMessage(err), "does not answer") {
			t.Errorf("%v: %v", cause, err)
		}
		if !strings.Contains(err.Error(), "db.example") || strings.Contains(graft.ErrorMessage(err), "db.example") {
			t.Errorf("where it is is for the log alone: %v, and to strangers: %s", err, graft.ErrorMessage(err))
		}
	}
}

// A file that is another user's is told as SQLite's own refusal is.
func TestFileOfAnotherUser(t *testing.T) {
	t.Parallel()
	err := explainSQLite(&fs.PathError{Op: "open", Path: "/x/graft.db", Err: fs.ErrPermission}, "/x")
	if graft.ErrorCode(err) != graft.CodeUnavailable || !strings.Contains(graft.ErrorMessage(err), "owns the file") {
		t.Errorf("error is %v", err)
	}
}

func TestDirErrors(t *testing.T) {
	t.Parallel()
	err := dirError(&fs.PathError{Op: "mkdir", Path: "/x", Err: fs.ErrPermission}, "/x")
	if graft.ErrorCode(err) != graft.CodeForbidden || !strings.Contains(graft.ErrorMessage(err), "/x") {
		t.Fatalf("error is %v", err)
	}
}
