package registry

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// blobPath is where the content of a digest lies.
func (r *Registry) blobPath(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return filepath.Join(r.dir, "blobs", "sha256", hex[:2], hex)
}

func (r *Registry) hasBlob(digest string) (bool, error) {
	_, err := os.Stat(r.blobPath(digest))
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

func (r *Registry) getBlob(w http.ResponseWriter, request *http.Request, _, digest string) error {
	file, err := os.Open(r.blobPath(digest))
	if absent(err) {
		return newProblem(http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to this registry")
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Etag", `"`+digest+`"`)
	http.ServeContent(w, request, "", time.Time{}, file)
	return nil
}
