package docker

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
)

// Docker's waits for a container to stop: its own, and one that is as long as
// for ever, which it is asked for with a negative number of seconds.
const (
	defaultStopTimeout = 10 * time.Second
	longestStopTimeout = 24 * time.Hour
)

// convert puts what Docker says of a container into our words. Any part of the
// answer may be missing.
func convert(in *container.InspectResponse) driver.Container {
	out := driver.Container{
		ID:        in.ID,
		Name:      strings.TrimPrefix(in.Name, "/"),
		ImageID:   in.Image,
		Restarts:  in.RestartCount,
		CreatedAt: timestamp(in.Created),
	}
	if in.Config != nil {
		out.Image, out.Labels = in.Config.Image, in.Config.Labels
		out.StopTimeout = stopTimeout(in.Config.StopTimeout)
	}
	if in.State != nil {
		convertState(&out, in.State)
	}
	if in.HostConfig != nil {
		out.NetworkMode = string(in.HostConfig.NetworkMode)
		out.RestartPolicy = formatRestart(in.HostConfig.RestartPolicy)
		out.Ports = ports(in.HostConfig.PortBindings)
		out.AutoRemove = in.HostConfig.AutoRemove
		out.MemLimit = max(in.HostConfig.Memory, 0) // -1, too, says that there is none
	}
	out.Mounts = mounts(in.Mounts)
	if in.NetworkSettings != nil {
		out.Endpoints = endpoints(out.ID, in.NetworkSettings.Networks)
		for _, settings := range in.NetworkSettings.Networks {
			if settings != nil && settings.NetworkID != "" {
				out.NetworkIDs = append(out.NetworkIDs, settings.NetworkID)
			}
		}
		slices.Sort(out.NetworkIDs)
		if out.Running() {
			out.Addresses = addresses(out.Endpoints, in.NetworkSettings.Networks)
		}
	}
	return out
}

func convertState(out *driver.Container, in *container.State) {
	out.State = driver.State(in.Status)
	out.ExitCode = in.ExitCode
	out.OOMKilled = in.OOMKilled
	out.Error = in.Error
	out.StartedAt = timestamp(in.StartedAt)
	out.FinishedAt = timestamp(in.FinishedAt)
	// Docker calls a stopped container unhealthy.
	if in.Health != nil && in.Health.Status != container.NoHealthcheck && out.Running() {
		out.Health = string(in.Health.Status)
	}
}

func stopTimeout(seconds *int) time.Duration {
	switch {
	case seconds == nil:
		return defaultStopTimeout
	case *seconds < 0 || *seconds > int(longestStopTimeout/time.Second):
		return longestStopTimeout
	}
	return time.Duration(*seconds) * time.Second
}

// timestamp reads Docker's times, whose way to say never is the year 1.
func timestamp(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}

func endpoints(id string, networks map[string]*network.EndpointSettings) []driver.Endpoint {
	var out []driver.Endpoint
	for network, settings := range networks {
		endpoint := driver.Endpoint{Network: network}
		if settings != nil {
			// Docker before 25 adds the short id.
			endpoint.Aliases = slices.DeleteFunc(slices.Clone(settings.Aliases), func(alias string) bool { return generated(id, alias) })
			slices.Sort(endpoint.Aliases)
			endpoint.Aliases = slices.Compact(endpoint.Aliases)
			if static := settings.IPAMConfig; static != nil {
				endpoint.IPv4Address, endpoint.IPv6Address = address(static.IPv4Address), address(static.IPv6Address)
			}
		}
		out = append(out, endpoint)
	}
	slices.SortFunc(out, func(a, b driver.Endpoint) int { return strings.Compare(a.Network, b.Network) })
	return out
}

// address is an IP address as text, "" for none.
func address(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// addresses are the current ones of a running container.
func addresses(endpoints []driver.Endpoint, networks map[string]*network.EndpointSettings) []string {
	var out []string
	for _, e := range endpoints {
		settings := networks[e.Network]
		if settings == nil {
			continue
		}
		for _, ip := range []netip.Addr{settings.IPAddress, settings.GlobalIPv6Address} {
			if ip.IsValid() {
				out = append(out, ip.String())
			}
		}
	}
	return out
}

// mounts leaves out what leads to neither the host nor a volume, such as tmpfs.
func mounts(points []container.MountPoint) []driver.Mount {
	var out []driver.Mount
	for _, p := range points {
		m := driver.Mount{Source: p.Name, Target: p.Destination, Mode: "rw"}
		switch p.Type {
		case mount.TypeBind:
			m.Source, m.Bind = p.Source, true
		case mount.TypeVolume:
		default:
			continue
		}
		if !p.RW {
			m.Mode = "ro"
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b driver.Mount) int { return strings.Compare(a.Target, b.Target) })
	return out
}

func ports(bindings network.PortMap) []driver.Port {
	var out []driver.Port
	for port, hosts := range bindings {
		for _, host := range hosts {
			p := driver.Port{ContainerPort: port.Num(), Protocol: string(port.Proto())}
			if host.HostIP.IsValid() {
				p.HostIP = host.HostIP.String()
			}
			// Not a number: empty or a range, of which Docker chooses one.
			if number, err := strconv.ParseUint(host.HostPort, 10, 16); err == nil {
				p.HostPort = uint16(number)
			}
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b driver.Port) int {
		return cmp.Or(cmp.Compare(a.ContainerPort, b.ContainerPort), strings.Compare(a.Protocol, b.Protocol),
			cmp.Compare(a.HostPort, b.HostPort), strings.Compare(a.HostIP, b.HostIP))
	})
	return out
}

func formatRestart(policy container.RestartPolicy) string {
	if policy.IsNone() {
		return string(container.RestartPolicyDisabled)
	}
	if policy.IsOnFailure() && policy.MaximumRetryCount > 0 {
		return "on-failure:" + strconv.Itoa(policy.MaximumRetryCount)
	}
	return string(policy.Name)
}
