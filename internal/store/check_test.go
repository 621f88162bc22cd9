package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/graftplatform/graft"
)

func openIn(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir)
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

// unavailable checks that an error says that nothing can be saved, and why; and where,
// which is not in the message that strangers read.
func unavailable(t *testing.T, err error, words ...string) {
	t.Helper()
	if graft.ErrorCode(err) != graft.CodeUnavailable {
		t.Errorf("code is %q: %v", graft.ErrorCode(err), err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not mention %q", err, word)
		}
	}
	if message := graft.ErrorMessage(err); message == "" || strings.Contains(message, "/") || strings.Contains(message, FileName) {
		t.Errorf("strangers read %q", message)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir())
	for range 2 { // the row is new, then it is there
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var at string
	if err := s.read.QueryRowContext(t.Context(), `select value from meta where key = 'checked_at'`).Scan(&at); err != nil || at == "" {
		t.Fatalf("checked at %q: %v", at, err)
	}
}

// smallDisk mounts a file system of one megabyte.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("this test mounts a small file system, for which it has to be root: %v", err)
	}
	t.Cleanup(func() {
		// What is just being forked has a copy of the files that were open.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for block := make([]byte, 4096); ; {
		if _, err := file.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// A disk without any space left, twice: the open store says so, still answers
// what it knows, has no part of what was not saved, and goes on by itself.
func TestRealFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	s := openIn(t, filepath.Join(disk, "data"))
	kept := &graft.Installation{MarketplaceID: graft.NewID(time.Now())}
	if err := s.CreateInstallation(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		fill(t, filepath.Join(disk, "filler"))
		for i := 0; ; i++ { // the log of changes may have some room in it
			err := s.Check(t.Context())
			if err != nil {
				unavailable(t, err, "full", disk)
				break
			}
			if i == 1000 {
				t.Fatal("a thousand rows were saved on a full disk")
			}
		}
		lost := &graft.Installation{MarketplaceID: graft.NewID(time.Now())}
		unavailable(t, s.CreateInstallation(t.Context(), lost), "full", disk)
		if all, err := s.Installations(t.Context()); err != nil || len(all) != 1 || all[0].ID != kept.ID {
			t.Errorf("with a full disk there are %d installations: %v", len(all), err)
		}
		unavailable(t, s.CheckDisk(t.Context()), "has 0B left", "64MiB")

		if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Fatalf("with space again: %v", err)
		}
		if err := s.CreateInstallation(t.Context(), lost); err != nil {
			t.Fatalf("with space again: %v", err)
		}
		if err := s.DeleteInstallation(t.Context(), lost.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	free, err := freeSpace(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{dir: dir}
	if err := s.CheckDisk(t.Context()); (err == nil) != (free >= MinFree) {
		t.Errorf("with %d bytes left: %v", free, err)
	}
	s = &Store{dir: smallDisk(t)}
	unavailable(t, s.CheckDisk(t.Context()), "1MiB left", s.dir)
	s = &Store{dir: filepath.Join(dir, "gone")}
	unavailable(t, s.CheckDisk(t.Context()), s.dir)
}

// Another program has the database for longer than a statement waits.
func TestLockedForLong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openIn(t, dir)
	if _, err := s.write.ExecContext(t.Context(), `pragma busy_timeout = 20`); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), `begin exclusive`); err != nil {
		t.Fatal(err)
	}
	unavailable(t, s.Check(t.Context()), "locked", FileName)
	inst := &graft.Installation{MarketplaceID: graft.NewID(time.Now())}
	unavailable(t, s.CreateInstallation(t.Context(), inst), "locked", FileName)
	if _, err := s.Installations(t.Context()); err != nil {
		t.Errorf("reading while it is locked: %v", err)
	}
	// Whoever waits for less time than the lock lasts is told so.
	if _, err := s.write.ExecContext(t.Context(), `pragma busy_timeout = 60000`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	unavailable(t, s.Check(ctx), "ended")
	if _, err := other.ExecContext(t.Context(), `rollback`); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("free again: %v", err)
	}
	if err := s.CreateInstallation(t.Context(), inst); err != nil {
		t.Errorf("free again: %v", err)
	}
}

// SQLite answers a connection that may only read as it does a file system that
// may only be read.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir())
	if _, err := s.write.ExecContext(t.Context(), `pragma query_only = on`); err != nil {
		t.Fatal(err)
	}
	unavailable(t, s.Check(t.Context()), "read-only", FileName)
	if _, err := s.write.ExecContext(t.Context(), `pragma query_only = off`); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("writable again: %v", err)
	}
}

// Nothing is opened on a file system that may only be read, and it is said why.
func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	func() {
		// What is forked meanwhile would have a copy of the files, and so write to them.
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		s, err := Open(t.Context(), disk)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
	}()
	s, err := Open(t.Context(), disk)
	if err == nil {
		_ = s.Close()
		t.Fatal("it opened")
	}
	if graft.ErrorCode(err) != graft.CodeForbidden || !strings.Contains(graft.ErrorMessage(err), "right to write") {
		t.Errorf("error is %v", err)
	}
}

func TestAddonCounts(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir())
	for _, status := range []graft.AddonStatus{graft.AddonApproved, graft.AddonApproved, graft.AddonVerificationFailed} {
		if err := s.CreateAddon(t.Context(), &graft.Addon{Descriptor: graft.Descriptor{Name: "a"}, Status: status}, nil); err != nil {
			t.Fatal(err)
		}
	}
	counts, err := s.AddonCounts(t.Context())
	if err != nil || len(counts) != 2 || counts[graft.AddonApproved] != 2 || counts[graft.AddonVerificationFailed] != 1 {
		t.Errorf("counts are %v, %v", counts, err)
	}
}
