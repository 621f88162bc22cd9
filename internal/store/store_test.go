package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
	"github.com/graftplatform/graft/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) *store.Store { return open(t, t.TempDir()) })
}

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dir)
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

// refused checks that a store can't be opened, and that the message says why.
func refused(t *testing.T, dir string, code graft.Code, words ...string) {
	t.Helper()
	s, err := store.Open(t.Context(), dir)
	if err == nil {
		_ = s.Close()
		t.Fatal("it opened")
	}
	if graft.ErrorCode(err) != code {
		t.Errorf("code is %q, want %q: %v", graft.ErrorCode(err), code, err)
	}
	for _, word := range words {
		if !strings.Contains(graft.ErrorMessage(err), word) {
			t.Errorf("message %q does not mention %q", graft.ErrorMessage(err), word)
		}
	}
}

func TestEverythingSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a dir with ?&%20# in its name", "data")
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.EngineID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, store.FileName)); err != nil {
		t.Fatal(err)
	}
	if again, err := open(t, dir).EngineID(t.Context()); err != nil || again != id {
		t.Fatalf("engine id was %s, is %s (%v)", id, again, err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	refused(t, dir, graft.CodeConflict, dir, fmt.Sprintf("process %d", os.Getpid()), "--data-dir")
}

// A process without a database, such as a registry alone, locks the directory
// all the same.
func TestLockDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := store.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, dir, graft.CodeConflict, dir, "in use")
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

// Descriptors may hold secrets: the database is its owner's alone, also one that
// was not and in a directory that others may read.
func TestDatabaseIsPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // as a service manager makes it
		t.Fatal(err)
	}
	path := filepath.Join(dir, store.FileName)
	if err := os.WriteFile(path, nil, 0o644); err != nil { // so that it has to be mended
		t.Fatal(err)
	}
	open(t, dir)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", name, mode)
		}
	}
}

func TestLockEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	holder := exec.CommandContext(t.Context(), "flock", filepath.Join(dir, "lock"), "sh", "-c", "echo held; exec cat")
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, graft.CodeConflict, dir)
	_ = in.Close()
	_ = holder.Wait()
	open(t, dir)
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, dir, `insert into goose_db_version (version_id, is_applied) values (4711, 1)`)
	refused(t, dir, graft.CodeConflict, "4711", "knows versions up to ", store.FileName)
}

// raw runs a statement behind the store's back.
func raw(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestUnusableDataDir(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, filepath.Join(file, "data"), graft.CodeInvalid, file, "--data-dir")
}

func TestForeignFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, store.FileName)
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, graft.CodeInternal, file)
}

func BenchmarkEachAddonByName(b *testing.B) {
	s := open(b, b.TempDir())
	for i := range 10_000 {
		addon := &graft.Addon{Descriptor: graft.Descriptor{Name: fmt.Sprint("addon-", i)}, Status: graft.AddonApproved}
		if err := s.CreateAddon(b.Context(), addon, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := 0
			err := s.EachAddon(b.Context(), store.AddonFilter{Status: graft.AddonApproved, Name: "addon-7777"},
				func([]byte) error { n++; return nil })
			if err != nil || n != 1 {
				b.Errorf("%d addons, %v", n, err)
				return
			}
		}
	})
}

func BenchmarkCreateAddon(b *testing.B) {
	s := open(b, b.TempDir())
	for b.Loop() {
		addon := &graft.Addon{Descriptor: graft.Descriptor{Name: "addon"}, Status: graft.AddonUnderReview}
		if err := s.CreateAddon(b.Context(), addon, nil); err != nil {
			b.Fatal(err)
		}
	}
}
