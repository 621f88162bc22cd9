package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
)

// writeJSON writes v whole, or returns why it can't be encoded.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := encode(v)
	if err == nil {
		writeBody(w, status, "application/json", body)
	}
	return err
}

func encode(v any) ([]byte, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return body.Bytes(), err
}

// writeCached writes JSON that caches may keep, if they ask each time whether it
// is still so: with its hash as the ETag, and as 304 to who has it already.
func writeCached(w http.ResponseWriter, r *http.Request, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	if slices.ContainsFunc(strings.Split(r.Header.Get("If-None-Match"), ","), func(have string) bool {
		have = strings.TrimSpace(have)
		return strings.TrimPrefix(have, "W/") == tag || have == "*"
	}) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeBody(w, http.StatusOK, "application/json", body)
}

// writeCachedJSON is writeCached of v, or returns why it can't be encoded.
func writeCachedJSON(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := encode(v)
	if err == nil {
		writeCached(w, r, body)
	}
	return err
}

func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // never HTML but what is embedded here; a client that went away needs no answer
}

// pathID returns the id in the path. One that can't be an id is that of nothing.
func pathID(r *http.Request) (string, error) {
	id, ok := graft.ParseID(r.PathValue("id"))
	if !ok {
		return "", graft.Errorf(graft.CodeNotFound, "Addon not found")
	}
	return id, nil
}
