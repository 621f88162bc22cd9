package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/graftplatform/graft"
)

// LockDir makes a data directory that has no database and takes its lock, so
// that no other process uses it. Close gives it back. Errors are those of Open.
func LockDir(dir string) (io.Closer, error) {
	return lockDir(dir)
}

// dirLock is the file that holds the lock of a data directory.
type dirLock struct{ *os.File }

// Close implements io.Closer. The lock is given back even if another process
// that this one is just starting has the file open still.
func (l dirLock) Close() error {
	return errors.Join(syscall.Flock(int(l.Fd()), syscall.LOCK_UN), l.File.Close())
}

// lockDir makes dir and takes its lock, which ends with Close or with the
// process, however that ends.
func lockDir(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, dirError(err, dir)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, dirError(err, dir)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer func() { _ = file.Close() }()
		return nil, graft.WrapError(graft.CodeConflict, err,
			"The data directory %s is in use by another graft process%s. End that one, or choose another --data-dir.",
			dir, holder(file))
	}
	if err == nil {
		err = writePID(file)
	}
	if err != nil {
		return nil, errors.Join(dirError(err, dir), file.Close())
	}
	return dirLock{file}, nil
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder names the process that has the lock, if it wrote itself down.
func holder(file *os.File) string {
	buf := make([]byte, 20)
	n, _ := file.ReadAt(buf, 0) // short or empty is fine
	if pid := strings.TrimSpace(string(buf[:n])); pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}

// absolute returns the path of a data directory from the root.
func absolute(dataDir string) (string, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return "", graft.WrapError(graft.CodeInvalid, err, "The data directory %q is no usable path.", dataDir)
	}
	return dir, nil
}

// makePrivate makes the database's file before SQLite does, and takes the rights
// of others away: descriptors may hold secrets. SQLite gives its other files the
// same mode.
func makePrivate(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(0o600), file.Close())
}

func dirError(err error, dir string) error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return graft.WrapError(graft.CodeForbidden, err,
			"No right to write in the data directory %s. Give this user the right, or choose another --data-dir.", dir)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return graft.WrapError(graft.CodeUnavailable, err,
			"The disk of the data directory %s is full. Free some space, or choose another --data-dir.", dir)
	case errors.Is(err, syscall.ENOTDIR):
		return graft.WrapError(graft.CodeInvalid, err,
			"The data directory %s can't be made: a part of that path is a file. Choose another --data-dir.", dir)
	}
	return graft.WrapError(graft.CodeInvalid, err,
		"The data directory %s can't be used. Choose another --data-dir.", dir)
}
