package store

import (
	"bytes"
	"encoding/json"
	"maps"
	"sync"

	"github.com/graftplatform/graft"
)

// specs keeps the specs of installations that were read before: they never
// change, and are the greater part of reading an installation. The readers of
// one share what they are given.
type specs struct {
	mu    sync.Mutex
	known map[string]knownSpec // by installation
}

type knownSpec struct {
	text []byte
	spec installationSpec
}

// decode returns a spec that is written as text.
func (s *specs) decode(installationID string, text []byte) (installationSpec, error) {
	s.mu.Lock()
	known, ok := s.known[installationID]
	s.mu.Unlock()
	if ok && bytes.Equal(known.text, text) {
		return known.spec, nil
	}
	var spec installationSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return spec, decodeError(err, "installation", installationID)
	}
	if spec.Rights == nil { // it was installed when there was no such list
		spec.Rights = spec.Descriptor.Rights()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]knownSpec{}
	}
	s.known[installationID] = knownSpec{bytes.Clone(text), spec}
	return spec, nil
}

// retain forgets those of all other installations.
func (s *specs) retain(all []graft.Installation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) <= len(all) {
		return
	}
	there := make(map[string]bool, len(all))
	for i := range all {
		there[all[i].ID] = true
	}
	maps.DeleteFunc(s.known, func(id string, _ knownSpec) bool { return !there[id] })
}
