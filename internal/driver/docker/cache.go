package docker

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft/internal/driver"
)

// cache keeps what inspecting containers gave, so that observing asks only for
// those that changed. It is trusted only while a watch tells about changes.
type cache struct {
	mu      sync.Mutex
	watches int    // streams that are connected
	changes uint64 // grows with everything that makes entries doubtful
	entries map[string]cached
	digests map[string][]string // of images, by id: the names by which they can be pulled
	renamed map[string]bool     // images, by id, that may have got another name since
}

// cached is a container and what the list said when it was inspected.
type cached struct {
	summary   string
	container driver.Container
}

// begin returns a mark to be given to put: what was inspected before a later
// change is not kept.
func (c *cache) begin() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

// get returns the container if nothing is known to have changed since it was
// inspected.
func (c *cache) get(id, summary string) (driver.Container, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[id]
	if !ok || c.watches == 0 || entry.summary != summary {
		return driver.Container{}, false
	}
	return entry.container, true
}

// put keeps a container that was inspected after the mark was taken.
func (c *cache) put(mark uint64, summary string, container driver.Container) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watches == 0 || c.changes != mark {
		return
	}
	if c.entries == nil {
		c.entries = map[string]cached{}
	}
	c.entries[container.ID] = cached{summary, container}
}

// changed forgets one container, given by its id or name.
func (c *cache) changed(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.entries, id)
	for key, entry := range c.entries {
		if entry.container.Name == id {
			delete(c.entries, key)
		}
	}
}

// ended notes that a container's process ended. Docker tells so at once, and
// only then takes down the container's network, for a tenth of a second and
// more; until that is done it answers no question about the container, and
// lists it as running. What it decides about starting it again is told later:
// until then, one that its policy may start again counts as restarting.
func (c *cache) ended(id string, at time.Time, code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	entry, ok := c.entries[id]
	if !ok || !entry.container.Running() || at.Before(entry.container.StartedAt) {
		delete(c.entries, id)
		return
	}
	gone := &entry.container
	gone.State, gone.ExitCode, gone.FinishedAt = driver.StateExited, code, at
	gone.Health, gone.Addresses = "", nil
	if policy := gone.RestartPolicy; policy != "no" && (code != 0 || !strings.HasPrefix(policy, "on-failure")) {
		gone.State = driver.StateRestarting
	}
	c.entries[id] = entry
}

// retain forgets all containers but these.
func (c *cache) retain(ids map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.entries {
		if !ids[id] {
			delete(c.entries, id)
		}
	}
}

// digestsOf returns what is known of an image.
func (c *cache) digestsOf(image string) ([]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	digests, ok := c.digests[image]
	return digests, ok && !c.renamed[image]
}

// putDigests keeps what an image was found to be after the mark was taken, and
// returns all that is known of it. A name that it once had keeps leading to it in
// its registry; one without any may get one.
func (c *cache) putDigests(mark uint64, image string, digests []string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := slices.Concat(digests, c.digests[image])
	slices.Sort(known)
	known = slices.Compact(known)
	if len(known) == 0 && (c.watches == 0 || c.changes != mark) {
		return nil
	}
	if c.digests == nil {
		c.digests = map[string][]string{}
	}
	c.digests[image] = known
	if c.changes == mark {
		delete(c.renamed, image)
	}
	return known
}

// imagesChanged notes that images may have other names, and forgets which have
// none.
func (c *cache) imagesChanged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetUndigested()
	c.renamed = make(map[string]bool, len(c.digests))
	for image := range c.digests {
		c.renamed[image] = true
	}
}

func (c *cache) forgetUndigested() {
	c.changes++
	maps.DeleteFunc(c.digests, func(_ string, digests []string) bool { return len(digests) == 0 })
}

// retainImages forgets all images but these.
func (c *cache) retainImages(ids map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.digests, func(id string, _ []string) bool { return !ids[id] })
}

// watch forgets everything and is told of changes from now on, until the
// function that it returns is called.
func (c *cache) watch() (end func()) {
	c.add(+1)
	return func() { c.add(-1) }
}

func (c *cache) add(watches int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watches += watches
	c.entries = nil
	c.forgetUndigested()
}
