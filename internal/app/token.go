package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/graftplatform/graft"
)

// TokenFile is the name of the token's file in the data directory, where the
// command line finds it too.
const TokenFile = "token"

// minToken is the least length of a token that somebody chose himself.
const minToken = 16

// loadToken returns the token of a data directory. The first time it makes one.
func loadToken(dataDir string, log *slog.Logger) (string, error) {
	path := filepath.Join(dataDir, TokenFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeToken(dataDir, path)
	}
	if err != nil {
		return "", tokenError(err, path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		log.Warn("others could read the token: its file is now for its owner alone", "file", path)
		if err := os.Chmod(path, 0o600); err != nil {
			return "", tokenError(err, path)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", tokenError(err, path)
	}
	token := strings.TrimSpace(string(data))
	if len(token) < minToken {
		return "", graft.Errorf(graft.CodeInvalid,
			"the token in %s is too short to be safe: delete the file, and the next start makes a new one", path)
	}
	return token, nil
}

// makeToken writes the token aside and renames it: a process that is killed
// meanwhile leaves no half of one.
func makeToken(dataDir, path string) (string, error) {
	var random [32]byte
	rand.Read(random[:]) // never fails
	token := hex.EncodeToString(random[:])
	file, err := os.CreateTemp(dataDir, ".token-*") // 0600 from the start
	if err != nil {
		return "", tokenError(err, path)
	}
	_, err = file.WriteString(token + "\n")
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return "", tokenError(errors.Join(err, os.Remove(file.Name())), path)
	}
	return token, nil
}

func tokenError(err error, path string) error {
	return graft.WrapError(graft.CodeForbidden, err, "the token in %s can't be read or written: check the rights of that directory", path)
}

// makeDataDir makes the data directory, for its owner alone.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return graft.WrapError(graft.CodeForbidden, err,
			"the data directory %s can't be made: check the rights above it, or choose another with --data-dir", dir)
	}
	return nil
}
