package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/graftplatform/graft"
)

// writeJSON writes v whole, or returns why it can't be encoded.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	writeBody(w, status, "application/json", body.Bytes())
	return nil
}

func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away needs no answer
}

// pathID returns the id in the path. One that can't be an id is that of nothing.
func pathID(r *http.Request) (string, error) {
	id, ok := graft.ParseID(r.PathValue("id"))
	if !ok {
		return "", graft.Errorf(graft.CodeNotFound, "Addon not found")
	}
	return id, nil
}
