package graft

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What the first word of a health check's test can be.
const (
	testNone  = "NONE"
	testExec  = "CMD"
	testShell = "CMD-SHELL"
)

// What Docker Engines accept.
const (
	minMemory   = 6 << 20
	maxMemory   = 1 << 50
	minCPUs     = 0.01
	maxCPUs     = 1024
	minInterval = time.Millisecond
	maxRetries  = 1000
)

func (c *checker) limits(at location, s *Service) {
	if m := s.MemLimit; m != 0 && (m < minMemory || m > maxMemory) {
		c.errors.add(at.at("mem_limit"), "A service gets at least 6 MiB of memory (6m) and at most 1 PiB; %d bytes is beyond that.", m)
	}
	// Negated, so that a NaN is not let through.
	if n := s.CPUs; n != 0 && !(n >= minCPUs && n <= maxCPUs) {
		c.errors.add(at.at("cpus"), "A service gets at least %g and at most %d CPUs.", minCPUs, maxCPUs)
	}
	if p := s.StopGracePeriod; p != nil && *p <= 0 {
		c.errors.add(at.at("stop_grace_period"), "It must be more than nothing.")
	}
}

func (c *checker) healthcheck(at location, h *Healthcheck) {
	if h == nil {
		return
	}
	c.interval(at.at("interval"), h.Interval)
	c.interval(at.at("timeout"), h.Timeout)
	if h.StartPeriod != nil && *h.StartPeriod != 0 { // none is fine
		c.interval(at.at("start_period"), h.StartPeriod)
	}
	if h.Retries < 0 || h.Retries > maxRetries {
		c.errors.add(at.at("retries"), "It must be from 0 to %d.", maxRetries)
	}
	if message := healthTest(h.Test); message != "" {
		c.errors.add(at.at("test"), "%s", message)
	}
	if h.Disable && len(h.Test) > 0 && h.Test[0] != testNone {
		c.warnings.add(at.at("disable"), "The health check is disabled; its test is not used.")
	}
}

func (c *checker) interval(at location, d *Duration) {
	if d != nil && time.Duration(*d) < minInterval {
		c.errors.add(at, "It must be at least %s.", minInterval)
	}
}

func healthTest(test []string) string {
	if len(test) == 0 {
		return ""
	}
	if message := noNUL(strings.Join(test, "")); message != "" {
		return message
	}
	switch test[0] {
	case testNone:
		if len(test) > 1 {
			return "NONE takes no arguments."
		}
	case testExec:
		if len(test) < 2 || test[1] == "" {
			return "After CMD comes a program, then its arguments."
		}
	case testShell:
		if len(test) != 2 || strings.TrimSpace(test[1]) == "" {
			return "After CMD-SHELL comes one line for the shell."
		}
	default:
		return fmt.Sprintf("A list begins with CMD, CMD-SHELL or NONE, not with %s.", quote(test[0]))
	}
	return ""
}

// mounts checks volumes and tmpfs together: they share the container's paths.
func (c *checker) mounts(at location, s *Service) {
	taken := map[string]string{}
	claim := func(at location, target, by string) {
		if other, ok := taken[target]; ok {
			c.errors.add(at, "%s is mounted at %s already.", quote(other), quote(target))
			return
		}
		taken[target] = by
	}
	for i, volume := range s.Volumes {
		here := at.at("volumes").index(i)
		mount, err := ParseMount(volume)
		if err != nil {
			c.errors.add(here, "%s", complaint(err))
			continue
		}
		claim(here, mount.Target, mount.Source)
		if mount.Bind && strings.HasSuffix(mount.Source, "/docker.sock") {
			c.warnings.add(here, "Whoever can use the Docker socket has all rights on the host.")
		}
	}
	for i, entry := range s.Tmpfs {
		here := at.at("tmpfs").index(i)
		target, err := parseTmpfs(entry)
		if err != nil {
			c.errors.add(here, "%s", complaint(err))
			continue
		}
		claim(here, target, entry)
	}
}

// usedVolumes returns the names of the volumes that services mount.
func (c *checker) usedVolumes() map[string]bool {
	used := map[string]bool{}
	for i := range c.descriptor.Services {
		for _, volume := range c.descriptor.Services[i].Volumes {
			if mount, err := ParseMount(volume); err == nil && !mount.Bind {
				used[mount.Source] = true
			}
		}
	}
	return used
}

// hostPorts checks the port maps and wants no host port twice in the addon.
func (c *checker) hostPorts() {
	type hostPort struct {
		port     uint16
		protocol string
	}
	owner := map[hostPort]string{}
	for i := range c.descriptor.Services {
		s, at := &c.descriptor.Services[i], location{"services"}.index(i).at("ports")
		published, problems := publish(s.Ports)
		for _, p := range problems {
			c.errors.add(at.at(p.Path...), "%s", p.Message)
		}
		told := map[string]bool{} // once for a range
		for _, p := range published {
			host := hostPort{p.HostPort, p.Protocol}
			other, taken := owner[host]
			if !taken {
				owner[host] = s.Name
			} else if other != s.Name && !told[p.key] {
				told[p.key] = true
				c.errors.add(at.value(p.key), "The service %s publishes the host port %d/%s already.",
					quote(other), p.HostPort, p.Protocol)
			}
		}
	}
}

// dependencies checks that services depend on services, and not in a circle.
func (c *checker) dependencies() {
	services := map[string]int{}
	for i := range c.descriptor.Services {
		services[c.descriptor.Services[i].Name] = i
	}
	_, unnamed := services[""] // it may be the one that is meant
	for i := range c.descriptor.Services {
		s, at := &c.descriptor.Services[i], location{"services"}.index(i).at("depends_on")
		for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
			other, known := services[name]
			if name == s.Name && known {
				c.errors.add(at.key(name), "A service cannot depend on itself.")
			} else if known {
				c.condition(at.value(name).at("condition"), s.DependsOn[name].Condition, &c.descriptor.Services[other])
			} else if !unnamed {
				c.errors.add(at.key(name), "There is no service %s in this addon.", quote(name))
			}
		}
	}
	c.circles(services)
}

func (c *checker) condition(at location, condition string, on *Service) {
	switch condition {
	case ServiceStarted:
	case ServiceHealthy:
		if on.Probe == nil && on.Healthcheck.disabled() {
			c.errors.add(at, "The health check of %s is disabled, so it is never healthy.", quote(on.Name))
		}
	case ServiceCompleted:
		if on.Restart == "" || on.Restart == "always" || on.Restart == "unless-stopped" {
			c.warnings.add(at, `%s is restarted whenever it ends; give it "restart": "no" or "on-failure".`, quote(on.Name))
		}
	default:
		c.errors.add(at, "%s is not a condition: use %s, %s or %s.",
			quote(condition), ServiceStarted, ServiceHealthy, ServiceCompleted)
	}
}

// circles walks along the dependencies and complains about each that leads back
// to where the walk came from.
func (c *checker) circles(services map[string]int) {
	done := make([]bool, len(c.descriptor.Services))
	var way []string
	var walk func(i int)
	walk = func(i int) {
		s := &c.descriptor.Services[i]
		way = append(way, s.Name)
		for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
			next, known := services[name]
			start := slices.Index(way, name)
			switch {
			case !known || name == s.Name:
			case start >= 0:
				circle := ""
				for _, waits := range way[start:] {
					circle += quote(waits) + " → "
				}
				c.errors.add(location{"services"}.index(i).at("depends_on").key(name),
					"The services wait for each other: %s%s.", circle, quote(name))
			case !done[next]:
				walk(next)
			}
		}
		way = way[:len(way)-1]
		done[i] = true
	}
	for i := range done {
		if !done[i] {
			walk(i)
		}
	}
}
