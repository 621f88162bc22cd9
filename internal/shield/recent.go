package shield

// recent remembers what was asked for lately, for a bounded number of keys. It
// has two generations: when the younger is full, the older is forgotten and the
// younger takes its place, so that what is in use stays and nothing is counted.
// It must be guarded by its user.
type recent[K comparable, V any] struct {
	max        int // of each generation
	young, old map[K]V
}

func newRecent[K comparable, V any](n int) *recent[K, V] {
	return &recent[K, V]{max: n, young: make(map[K]V)}
}

func (c *recent[K, V]) get(key K) (V, bool) {
	if value, ok := c.young[key]; ok {
		return value, true
	}
	value, ok := c.old[key]
	if ok {
		c.put(key, value)
	}
	return value, ok
}

func (c *recent[K, V]) put(key K, value V) {
	if len(c.young) >= c.max {
		c.old, c.young = c.young, make(map[K]V)
	}
	c.young[key] = value
}

func (c *recent[K, V]) remove(key K) {
	delete(c.young, key)
	delete(c.old, key)
}
