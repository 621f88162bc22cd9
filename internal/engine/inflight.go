package engine

import (
	"context"
	"time"
)

// inFlight is what is being carried out.
type inFlight struct {
	whole  map[string]bool            // installations, as a whole
	groups map[string]map[string]bool // by installation: groups of repairs
}

// any is whether something is being done for an installation.
func (f inFlight) any(id string) bool { return f.whole[id] || len(f.groups[id]) > 0 }

// busy returns what is being carried out.
func (e *Engine) busy() inFlight {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := inFlight{whole: map[string]bool{}, groups: map[string]map[string]bool{}}
	for _, r := range e.running {
		if r.groups == nil {
			f.whole[r.installation] = true
			continue
		}
		if f.groups[r.installation] == nil {
			f.groups[r.installation] = map[string]bool{}
		}
		for _, group := range r.groups {
			f.groups[r.installation][group] = true
		}
	}
	return f
}

// idle is whether nothing is being carried out.
func (e *Engine) idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.running) == 0
}

// longPull is how long images may take that somebody waits for.
const longPull = 3 * time.Second

// pulling returns the installations that have waited for images for long.
func (e *Engine) pulling() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	pulling := map[string]bool{}
	for _, r := range e.running {
		if r.pulls && time.Since(r.begin) >= longPull {
			pulling[r.installation] = true
		}
	}
	return pulling
}

// holding returns the components that operations under way have to do with, and
// so nobody else may touch.
func (e *Engine) holding() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	held := map[string]bool{}
	for _, r := range e.running {
		for _, component := range r.components {
			held[component] = true
		}
	}
	return held
}

// underway is an operation that is being carried out.
type underway struct {
	installation string
	begin        time.Time
	pulls        bool // it only brings images
	cancel       context.CancelCauseFunc
	components   []string
	groups       []string // of a repair; nil: everything
}
