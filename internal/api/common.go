package api

import (
	"net/http"

	"github.com/graftplatform/graft"
)

func ok(w http.ResponseWriter, _ *http.Request) error {
	writeBody(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok"))
	return nil
}

func (s *service) version(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, struct {
		Version string      `json:"version"`
		Role    string      `json:"role"`
		Plane   graft.Plane `json:"plane,omitempty"`
	}{s.Version, s.role, s.Plane})
}

func descriptorSchema(w http.ResponseWriter, _ *http.Request) error {
	writeBody(w, http.StatusOK, "application/schema+json", graft.DescriptorSchema())
	return nil
}
