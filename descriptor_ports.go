package graft

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxPorts is how many ports a service can publish; a Docker Engine runs a
// process for each.
const maxPorts = 1000

// PortMapping is one published port.
type PortMapping struct {
	ContainerPort uint16
	HostPort      uint16
	Protocol      string // tcp, udp, sctp
}

// publishedPort is a mapping with the key of the port map that it comes from.
type publishedPort struct {
	PortMapping
	key string
}

// ParsePorts reads a Service.Ports, its ranges expanded, sorted by container
// port. Paths of the problems begin with a key of the map.
func ParsePorts(ports map[string]string) ([]PortMapping, Problems) {
	published, problems := publish(ports)
	mappings := make([]PortMapping, len(published))
	for i, p := range published {
		mappings[i] = p.PortMapping
	}
	slices.SortFunc(mappings, func(a, b PortMapping) int {
		return cmp.Or(
			cmp.Compare(a.ContainerPort, b.ContainerPort),
			cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(a.HostPort, b.HostPort))
	})
	return mappings, problems
}

// publish is ParsePorts in the order of the keys.
func publish(ports map[string]string) ([]publishedPort, Problems) {
	var published []publishedPort
	var problems complaints
	owner := map[PortMapping]string{} // by host port and protocol
	for _, key := range slices.Sorted(maps.Keys(ports)) {
		mappings, at, message := parsePortEntry(key, ports[key])
		if message == "" && len(published)+len(mappings) > maxPorts {
			message = fmt.Sprintf("A service publishes at most %d ports.", maxPorts)
		}
		for i := 0; i < len(mappings) && message == ""; i++ {
			m := mappings[i]
			if other, taken := owner[PortMapping{HostPort: m.HostPort, Protocol: m.Protocol}]; taken {
				message = fmt.Sprintf("The container port %s is on the host port %d/%s already.", quote(other), m.HostPort, m.Protocol)
			}
		}
		if message != "" {
			problems.add(at, "%s", message)
			continue
		}
		for _, m := range mappings {
			owner[PortMapping{HostPort: m.HostPort, Protocol: m.Protocol}] = key
			published = append(published, publishedPort{m, key})
		}
	}
	return published, problems.problems()
}

// parsePortEntry reads one entry of a port map. If it is wrong, it returns what
// is wrong and where; if it isn't, where its host ports are.
func parsePortEntry(key, value string) (mappings []PortMapping, at location, message string) {
	container, protocol, given := strings.Cut(key, "/")
	if !given {
		protocol = "tcp"
	}
	from, to, ok := parsePortRange(container)
	if !ok || !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
		return nil, location{}.key(key), fmt.Sprintf(
			`%s is not a container port: write a number from 1 to 65535 or a range such as 8000-8010, then /tcp, /udp or /sctp if need be.`, quote(key))
	}
	hostFrom, hostTo, ok := parsePortRange(value)
	at = location{}.value(key)
	if !ok {
		return nil, at, fmt.Sprintf(
			"%s is not a host port: write a number from 1 to 65535 or a range such as 9000-9010.", quote(value))
	}
	if to-from != hostTo-hostFrom {
		return nil, at, fmt.Sprintf("%s has %d ports, but %s has %d: the ranges must be equally long.",
			value, hostTo-hostFrom+1, key, to-from+1)
	}
	for i := range min(to-from, maxPorts) + 1 {
		mappings = append(mappings, PortMapping{uint16(from + i), uint16(hostFrom + i), protocol}) //nolint:gosec // at most 65535
	}
	return mappings, at, ""
}

// parsePortRange reads "80" or "8000-8010".
func parsePortRange(text string) (from, to int, ok bool) {
	first, last, given := strings.Cut(text, "-")
	from, ok = parsePort(first)
	if !given || !ok {
		return from, from, ok
	}
	to, ok = parsePort(last)
	return from, to, ok && from <= to
}

func parsePort(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && n > 0 && text[0] != '0'
}
