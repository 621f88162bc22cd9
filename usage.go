package graft

import "time"

// ServiceUsage is what the container of a service uses just now. A service may
// have two of them for a moment, while it gets another version.
type ServiceUsage struct {
	InstallationID string `json:"installation_id"`
	Service        string `json:"service_name"`
	ContainerID    string `json:"container_id"`
	// CPUs is how many cores it keeps busy: 1.0 is one core. It is the mean of the
	// time since it was measured before, from half a second to a minute.
	CPUs float64 `json:"cpus"`
	// Memory is in bytes, without what the kernel keeps of files that nobody has
	// used for long. MemoryLimit is how much it may have; 0: as much as there is.
	Memory      int64     `json:"memory_bytes"`
	MemoryLimit int64     `json:"memory_limit_bytes,omitempty"`
	Time        time.Time `json:"time"` // when that was so, by the clock of its host
}
