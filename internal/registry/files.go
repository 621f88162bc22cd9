package registry

import (
	"errors"
	"os"
	"path/filepath"
)

// writeFile gives a file its content, whole or not at all.
func (r *Registry) writeFile(path string, content []byte) error {
	file, err := os.CreateTemp(r.uploadsDir(), "file-")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return r.place(file, path, err)
}

// place syncs and closes a file and moves it to path. If that fails, or has
// failed before with err, the file is removed.
func (r *Registry) place(file *os.File, path string, err error) error {
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = r.move(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// move renames a file and makes the new name, with all directories on the way to
// it, last.
func (r *Registry) move(from, to string) error {
	if err := r.makeDir(filepath.Dir(to)); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// makeDir makes a directory below the registry's own and syncs each directory
// that got a new entry.
func (r *Registry) makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil || dir == r.dir {
		return err
	}
	parent := filepath.Dir(dir)
	if err := r.makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	return syncDir(parent)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// remove deletes a file for good.
func remove(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
