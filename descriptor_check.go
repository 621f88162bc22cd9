package graft

import (
	"maps"
	"slices"
	"strings"
)

// Bounds of texts that people read.
const (
	maxDescription = 4 << 10
	maxReadme      = 256 << 10
)

// Validate returns everything that is wrong with d, and everything that is odd
// but can be run. It expects the defaults to be filled in.
func (d *Descriptor) Validate() (errors, warnings Problems) {
	c := &checker{descriptor: d}
	c.addon()
	for i := range d.Services {
		c.service(location{"services"}.index(i), &d.Services[i])
	}
	c.volumes()
	c.networks()
	c.serviceNames()
	c.hostPorts()
	c.dependencies()
	if len(d.Rights()) > MaxRights {
		c.errors.add(location{"services", wholeField},
			"The addon asks for more than %d rights on the host: publish fewer ports, and mount fewer paths.", MaxRights)
	}
	return c.errors.problems(), c.warnings.problems()
}

// checker collects what is wrong with a descriptor.
type checker struct {
	descriptor       *Descriptor
	errors, warnings complaints
}

// A rule returns what is wrong with a value as a sentence, or nothing.
type rule func(value string) string

// text holds a value to rules; the first that is broken is told.
func (c *checker) text(at location, value string, rules ...rule) {
	for _, broken := range rules {
		if message := broken(value); message != "" {
			c.errors.add(at, "%s", message)
			return
		}
	}
}

// optional is text for a field that may be empty.
func (c *checker) optional(at location, value string, rules ...rule) {
	if value != "" {
		c.text(at, value, rules...)
	}
}

// list holds each element to rules and wants no two of them alike.
func (c *checker) list(at location, values []string, rules ...rule) {
	seen := make(map[string]bool, len(values))
	for i, value := range values {
		if seen[value] && value != "" {
			c.errors.add(at.index(i), "%s is in the list already.", quote(value))
			continue
		}
		seen[value] = true
		c.text(at.index(i), value, rules...)
	}
}

// mapping holds the keys to a rule, and the values to another.
func (c *checker) mapping(at location, values map[string]string, key, value rule) {
	for _, k := range slices.Sorted(maps.Keys(values)) {
		c.text(at.key(k), k, key)
		c.text(at.value(k), values[k], value)
	}
}

func (c *checker) addon() {
	d := c.descriptor
	c.text(location{"name"}, d.Name, addonName)
	c.optional(location{"version"}, d.Version, semanticVersion)
	c.optional(location{"description"}, d.Description, atMost(maxDescription))
	c.optional(location{"homepage"}, d.Homepage, webAddress)
	c.optional(location{"readme"}, d.Readme, atMost(maxReadme))
	planes := make([]string, len(d.Planes))
	for i, plane := range d.Planes {
		planes[i] = string(plane)
	}
	c.list(location{"planes"}, planes, planeName)
	c.list(location{"platforms"}, d.Platforms, platformName)
	switch {
	case len(d.Services) == 0:
		c.errors.add(location{"services"}, "An addon needs at least one service.")
	case len(d.Services) > maxItems:
		c.errors.add(location{"services", wholeField}, "At most %d are allowed.", maxItems)
	}
}

func (c *checker) service(at location, s *Service) {
	c.text(at.at("service_name"), s.Name, resourceName, noGraftName)
	c.text(at.at("image"), s.Image, imageReference)
	c.optional(at.at("command"), s.Command, noNUL, shellWords)
	c.list(at.at("networks"), s.Networks, resourceName, noEngineNetwork)
	c.mapping(at.at("environment"), s.Environment, variableName, noNUL)
	c.mapping(at.at("labels"), s.Labels, labelName, noNUL)
	c.arguments(at.at("entrypoint"), s.Entrypoint)
	c.optional(at.at("restart"), s.Restart, restartPolicy)
	c.optional(at.at("hostname"), s.Hostname, hostName)
	c.optional(at.at("user"), s.User, userName)
	c.optional(at.at("working_dir"), s.WorkingDir, noNUL, absolutePath)
	c.list(at.at("cap_add"), s.CapAdd, capability)
	c.list(at.at("cap_drop"), s.CapDrop, capability)
	c.list(at.at("devices"), s.Devices, noNUL, device)
	c.optional(at.at("stop_signal"), s.StopSignal, signalName)
	if len(s.Name) > maxHostname && resourceName(s.Name) == "" {
		c.warnings.add(at.at("service_name"),
			"The name is longer than the %d characters of a host name: DNS does not find the service by it.", maxHostname)
	}
	if s.Privileged {
		c.warnings.add(at.at("privileged"), "A privileged service has all rights on the host.")
	}
	c.limits(at, s)
	c.healthcheck(at.at("healthcheck"), s.Healthcheck)
	c.gate(at, s)
	c.mounts(at, s)
}

// arguments checks a program and its arguments.
func (c *checker) arguments(at location, words []string) {
	for i, word := range words {
		c.text(at.index(i), word, noNUL)
		if i == 0 && word == "" {
			c.errors.add(at.index(i), "The name of the program is empty.")
		}
	}
}

func (c *checker) volumes() {
	d, seen := c.descriptor, map[string]bool{}
	if len(d.Volumes) > maxItems {
		c.errors.add(location{"volumes", wholeField}, "At most %d are allowed.", maxItems)
	}
	used := c.usedVolumes()
	for i := range d.Volumes {
		v, at := &d.Volumes[i], location{"volumes"}.index(i)
		c.text(at.at("name"), v.Name, resourceName, unseen(seen, "volume"))
		c.text(at.at("driver"), v.Driver, driverName)
		c.mapping(at.at("driver_opts"), v.DriverOpts, notEmpty, noNUL)
		c.mapping(at.at("labels"), v.Labels, labelName, noNUL)
		if v.Driver == driverBridge {
			c.warnings.add(at.at("driver"), `"bridge" is a network driver; the volume is created as "local".`)
		}
		if v.Name != "" && !used[v.Name] {
			c.warnings.add(at.at("name"), "No service mounts the volume %s.", quote(v.Name))
		}
	}
}

func (c *checker) networks() {
	d, seen := c.descriptor, map[string]bool{}
	if len(d.Networks) > maxItems {
		c.errors.add(location{"networks", wholeField}, "At most %d are allowed.", maxItems)
	}
	used := map[string]bool{DefaultNetwork: true}
	for i := range d.Services {
		for _, name := range d.Services[i].Networks {
			used[name] = true
		}
	}
	for i := range d.Networks {
		n, at := &d.Networks[i], location{"networks"}.index(i)
		c.text(at.at("name"), n.Name, resourceName, noEngineNetwork, unseen(seen, "network"))
		c.text(at.at("driver"), n.Driver, driverName)
		if n.Name == DefaultNetwork {
			c.warnings.add(at.at("name"), "%s is the orchestrator's own network; it is used as it is.", quote(n.Name))
		}
		if n.Name != "" && !used[n.Name] {
			c.warnings.add(at.at("name"), "No service is on the network %s.", quote(n.Name))
		}
	}
}

// serviceNames wants no name twice, on a plane: there, containers are named
// after the plane and the service unless the name begins with the plane's.
func (c *checker) serviceNames() {
	seen := map[string]int{}
	for _, plane := range []Plane{"", PlaneRoot, PlaneCluster} {
		d := c.descriptor
		if plane != "" && len(d.Planes) > 0 && !slices.Contains(d.Planes, plane) {
			continue
		}
		clear(seen)
		for i := range d.Services {
			name := d.Services[i].Name
			container := containerName(plane, name)
			first, taken := seen[container]
			if !taken {
				seen[container] = i
				continue
			}
			at, other := location{"services"}.index(i).at("service_name"), d.Services[first].Name
			switch {
			case name == "":
			case plane == "":
				c.errors.add(at, "There is another service %s.", quote(name))
			case other != name:
				c.errors.add(at, "%s and %s would be the same container %s on the %s plane.",
					quote(name), quote(other), quote(container), plane)
			}
		}
	}
}

func containerName(plane Plane, service string) string {
	prefix := string(plane) + "_"
	if plane == "" || strings.HasPrefix(service, prefix) {
		return service
	}
	return prefix + service
}
