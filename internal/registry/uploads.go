package registry

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// maxIdle is how long an upload may lie untouched before it is given up.
const maxIdle = 24 * time.Hour

// maxUploads is how many may be open at a time: each has a file.
const maxUploads = 256

// upload is a blob that is not complete yet.
type upload struct {
	mu      sync.Mutex
	file    *os.File // nil once it has ended
	hash    hash.Hash
	size    int64
	touched time.Time
}

// write appends everything that body has. What arrives before body fails is
// kept: the client may go on from there.
func (u *upload) write(body io.Reader) error {
	n, err := io.Copy(u.file, io.TeeReader(body, u.hash))
	u.size += n
	u.touched = time.Now()
	var disk *os.PathError
	if errors.As(err, &disk) { // the hash is ahead of the file now
		return errors.Join(err, u.cancel())
	}
	return err
}

// cancel ends an upload and removes its file.
func (u *upload) cancel() error {
	if u.file == nil {
		return nil
	}
	err := errors.Join(u.file.Close(), os.Remove(u.file.Name()))
	u.file = nil
	return err
}

// uploads are all that are not complete yet, by id.
type uploads struct {
	mu   sync.Mutex
	open map[string]*upload
}

// start opens an upload in dir, and ends those that nobody goes on with.
func (all *uploads) start(dir string) (string, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for id, u := range all.open {
		if !u.mu.TryLock() {
			continue // in use
		}
		if u.file == nil || time.Since(u.touched) > maxIdle {
			_ = u.cancel() // the next start of the registry removes what is left
			delete(all.open, id)
		}
		u.mu.Unlock()
	}
	if len(all.open) >= maxUploads {
		return "", newProblem(http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many uploads are open: end some, or try again later")
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	id := hex.EncodeToString(random[:])
	file, err := os.OpenFile(filepath.Join(dir, id), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	all.open[id] = &upload{file: file, hash: sha256.New(), touched: time.Now()}
	return id, nil
}

// with runs fn on an open upload, alone, and forgets one that fn ended.
func (all *uploads) with(id string, fn func(*upload) error) error {
	all.mu.Lock()
	u := all.open[id]
	all.mu.Unlock()
	unknown := newProblem(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "no such upload; it may have been given up: start again")
	if u == nil {
		return unknown
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return unknown
	}
	err := fn(u)
	if u.file == nil {
		all.mu.Lock()
		delete(all.open, id)
		all.mu.Unlock()
	}
	return err
}

// drop ends an upload if it is still open.
func (all *uploads) drop(id string) error {
	all.mu.Lock()
	u := all.open[id]
	delete(all.open, id)
	all.mu.Unlock()
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.cancel()
}

func (all *uploads) close() error {
	all.mu.Lock()
	open := all.open
	all.open = map[string]*upload{}
	all.mu.Unlock()
	var errs []error
	for _, u := range open {
		u.mu.Lock()
		errs = append(errs, u.cancel())
		u.mu.Unlock()
	}
	return errors.Join(errs...)
}

func (r *Registry) startUpload(w http.ResponseWriter, request *http.Request, repository, _ string) error {
	if digest := request.URL.Query().Get("mount"); isDigest(digest) {
		if known, err := r.hasBlob(digest); err != nil || known {
			return r.created(w, "/v2/"+repository+"/blobs/"+digest, digest, err)
		}
	}
	id, err := r.uploads.start(r.uploadsDir())
	if err != nil {
		return err
	}
	if request.URL.Query().Has("digest") {
		// Its client never learns the id: if it fails, nobody goes on with it.
		return errors.Join(r.finishUpload(w, request, repository, id), r.uploads.drop(id))
	}
	return r.uploads.with(id, func(u *upload) error {
		progress(w, repository, id, u)
		w.WriteHeader(http.StatusAccepted)
		return nil
	})
}

func (r *Registry) statUpload(w http.ResponseWriter, _ *http.Request, repository, id string) error {
	return r.uploads.with(id, func(u *upload) error {
		progress(w, repository, id, u)
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

func (r *Registry) appendUpload(w http.ResponseWriter, request *http.Request, repository, id string) error {
	return r.uploads.with(id, func(u *upload) error {
		if err := expectRange(request, u); err != nil {
			progress(w, repository, id, u)
			return err
		}
		if err := u.write(request.Body); err != nil {
			return err
		}
		progress(w, repository, id, u)
		w.WriteHeader(http.StatusAccepted)
		return nil
	})
}

func (r *Registry) finishUpload(w http.ResponseWriter, request *http.Request, repository, id string) error {
	digest := request.URL.Query().Get("digest")
	return r.uploads.with(id, func(u *upload) error {
		err := expectRange(request, u)
		if err == nil {
			err = u.write(request.Body)
		}
		if err != nil {
			return err
		}
		if got := "sha256:" + hex.EncodeToString(u.hash.Sum(nil)); got != digest {
			return errors.Join(invalidDigest(fmt.Sprintf("the content has digest %s, not what the request says", got)), u.cancel())
		}
		file := u.file
		u.file = nil
		err = r.place(file, r.blobPath(digest), nil)
		return r.created(w, "/v2/"+repository+"/blobs/"+digest, digest, err)
	})
}

func (r *Registry) cancelUpload(w http.ResponseWriter, _ *http.Request, _, id string) error {
	return r.uploads.with(id, func(u *upload) error {
		if err := u.cancel(); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// created answers a request that made something, unless that failed with err.
func (r *Registry) created(w http.ResponseWriter, location, digest string, err error) error {
	if err != nil {
		return err
	}
	w.Header().Set("Location", location)
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// progress tells how far an upload is and where it goes on.
func progress(w http.ResponseWriter, repository, id string, u *upload) {
	w.Header().Set("Location", "/v2/"+repository+"/blobs/uploads/"+id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, u.size-1)))
	w.Header().Set("Docker-Upload-Uuid", id)
}

// expectRange checks that a chunk, if the request says what it is of, follows
// what is there.
func expectRange(request *http.Request, u *upload) error {
	value := strings.TrimPrefix(request.Header.Get("Content-Range"), "bytes ")
	if value == "" {
		return nil
	}
	var first, last int64
	if _, err := fmt.Sscanf(value, "%d-%d", &first, &last); err != nil || first != u.size || last < first-1 {
		return newProblem(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID",
			fmt.Sprintf("the chunk must start at byte %d", u.size))
	}
	return nil
}

// isDigest is whether s has the form of digestPattern.
func isDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 2*sha256.Size && strings.Trim(hex, "0123456789abcdef") == ""
}
