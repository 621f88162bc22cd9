package registry

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// problem is an error in the words of the distribution specification.
type problem struct {
	status  int
	code    string
	message string
	header  http.Header
}

func (p *problem) Error() string { return p.message }

func newProblem(status int, code, message string) *problem {
	return &problem{status: status, code: code, message: message}
}

func unknownPath() error {
	return newProblem(http.StatusNotFound, "UNSUPPORTED", "no such path in this registry")
}

func invalidName() error {
	return newProblem(http.StatusBadRequest, "NAME_INVALID",
		"the path has no valid repository name (lower case, at most 255 bytes), tag or sha256 digest")
}

func invalidManifest(message string) error {
	return newProblem(http.StatusBadRequest, "MANIFEST_INVALID", message)
}

func invalidDigest(message string) error {
	return newProblem(http.StatusBadRequest, "DIGEST_INVALID", message)
}

func unknownManifest() error {
	return newProblem(http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown to this registry")
}

func methodNotAllowed(methods map[string]handler) error {
	p := newProblem(http.StatusMethodNotAllowed, "UNSUPPORTED", "this method is not supported here")
	p.header = http.Header{"Allow": {strings.Join(slices.Sorted(maps.Keys(methods)), ", ")}}
	return p
}

// fail answers a request that went wrong.
func (r *Registry) fail(w http.ResponseWriter, request *http.Request, err error) {
	var p *problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
	case errors.As(err, &tooLarge):
		p = newProblem(http.StatusRequestEntityTooLarge, "SIZE_INVALID", "the manifest is larger than 4 MiB")
	case errors.Is(err, os.ErrDeadlineExceeded):
		p = newProblem(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "the body stopped arriving, and the request was given up")
	case request.Context().Err() != nil, errors.Is(err, io.ErrUnexpectedEOF):
		p = newProblem(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "the request ended before its body did")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		r.log.Error("registry: the disk is full", "dir", r.dir, "error", err)
		p = newProblem(http.StatusInsufficientStorage, "DENIED", "the disk of this registry is full")
	default:
		r.log.Error("registry: request failed", "method", request.Method, "path", request.URL.Path, "error", err)
		p = newProblem(http.StatusInternalServerError, "UNKNOWN", "this registry has a fault of its own; its log says more")
	}
	maps.Copy(w.Header(), p.header)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	if request.Method == http.MethodHead {
		return
	}
	type entry struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	_ = json.NewEncoder(w).Encode(map[string][]entry{"errors": {{p.code, p.message}}}) // the client is gone
}

func writeJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client is gone
	return nil
}

// absent is whether err says that a file is not there.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
