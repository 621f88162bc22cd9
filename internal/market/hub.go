package market

import (
	"maps"
	"slices"
	"sync"
)

// hub tells those who wait for an addon that it changed.
type hub struct {
	mu    sync.Mutex
	rooms map[string]*room
}

// room is where those wait who wait for the same addon.
type room struct {
	changed chan struct{} // closed when the addon changes
	guests  int
}

func newHub() *hub { return &hub{rooms: map[string]*room{}} }

// join returns a channel that is closed at the next change of an addon. Every
// channel that is not closed yet must be given back with leave.
func (h *hub) join(id string) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[id]
	if r == nil {
		r = &room{changed: make(chan struct{})}
		h.rooms[id] = r
	}
	r.guests++
	return r.changed
}

// leave gives back a channel; one that is closed needs nothing any more.
func (h *hub) leave(id string, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[id]
	if r == nil || r.changed != changed {
		return
	}
	if r.guests--; r.guests == 0 {
		delete(h.rooms, id)
	}
}

// waited returns the ids of the addons that anybody waits for.
func (h *hub) waited() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.rooms))
}

// announce closes the channel of everybody who waits for an addon.
func (h *hub) announce(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[id]; r != nil {
		close(r.changed)
		delete(h.rooms, id)
	}
}
