package graft

import "time"

// Drivers of volumes and networks when none is named. A volume with the bridge
// driver, which the documented template has, means a local one.
const (
	driverLocal  = "local"
	driverBridge = "bridge"
)

// SetDefaults fills in what an author may leave out: drivers, and lists and
// maps that are empty rather than nil.
func (d *Descriptor) SetDefaults() {
	setDefaultList(&d.Services)
	setDefaultList(&d.Volumes)
	setDefaultList(&d.Networks)
	for i := range d.Services {
		s := &d.Services[i]
		setDefaultList(&s.Networks)
		setDefaultList(&s.Volumes)
		setDefaultMap(&s.Ports)
		setDefaultMap(&s.Environment)
		setDefaultMap(&s.Labels)
	}
	for i := range d.Volumes {
		v := &d.Volumes[i]
		setDefaultMap(&v.DriverOpts)
		setDefaultMap(&v.Labels)
		if v.Driver == "" {
			v.Driver = driverLocal
		}
	}
	for i := range d.Networks {
		if n := &d.Networks[i]; n.Driver == "" {
			n.Driver = driverBridge
		}
	}
}

func setDefaultList[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

func setDefaultMap[T any](m *map[string]T) {
	if *m == nil {
		*m = map[string]T{}
	}
}

// Schedule is when a Probe asks and what counts.
type Schedule struct {
	StartPeriod, Interval, Timeout time.Duration
	Retries                        int
	// Steady is the interval while the service answers: as given, else longer
	// than while its health is in question.
	Steady time.Duration
}

// Schedule returns when p asks, defaults filled in.
func (p *Probe) Schedule() Schedule {
	or := func(d *Duration, otherwise time.Duration) time.Duration {
		if d == nil || *d <= 0 {
			return otherwise
		}
		return time.Duration(*d)
	}
	s := Schedule{
		StartPeriod: or(p.StartPeriod, 0), Interval: or(p.Interval, time.Second),
		Timeout: or(p.Timeout, time.Second), Retries: p.Retries,
		Steady: or(p.Interval, 10*time.Second),
	}
	if s.Retries <= 0 {
		s.Retries = 3
	}
	return s
}

// Verdict is how long a service that never answers is starting before it is
// unhealthy.
func (s Schedule) Verdict() time.Duration {
	return s.StartPeriod + time.Duration(s.Retries)*(s.Interval+s.Timeout)
}

// AllVolumes returns the volumes that the addon needs: the declared ones, each
// with a driver that there is, then those that only a mount names, in the order
// of the mounts.
func (d *Descriptor) AllVolumes() []Volume {
	all, seen := make([]Volume, 0, len(d.Volumes)), map[string]bool{}
	for _, v := range d.Volumes {
		if v.Driver == driverBridge {
			v.Driver = driverLocal
		}
		all, seen[v.Name] = append(all, v), true
	}
	for i := range d.Services {
		for _, text := range d.Services[i].Volumes {
			mount, err := ParseMount(text)
			if err != nil || mount.Bind || seen[mount.Source] {
				continue
			}
			seen[mount.Source] = true
			all = append(all, Volume{
				Name: mount.Source, Driver: driverLocal,
				DriverOpts: map[string]string{}, Labels: map[string]string{},
			})
		}
	}
	return all
}

// AllNetworks returns the networks that the addon needs besides DefaultNetwork:
// the declared ones, then those that only a service names, in the order of the
// services.
func (d *Descriptor) AllNetworks() []Network {
	all, seen := make([]Network, 0, len(d.Networks)), map[string]bool{DefaultNetwork: true}
	add := func(n Network) {
		if !seen[n.Name] {
			seen[n.Name] = true
			all = append(all, n)
		}
	}
	for _, n := range d.Networks {
		add(n)
	}
	for i := range d.Services {
		for _, name := range d.Services[i].Networks {
			add(Network{Name: name, Driver: driverBridge})
		}
	}
	return all
}
