package docker

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
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
	}
	if in.NetworkSettings != nil {
		out.Endpoints = endpoints(out.ID, out.Name, in.NetworkSettings.Networks)
		for _, settings := range in.NetworkSettings.Networks {
			if settings != nil && settings.NetworkID != "" {
				out.NetworkIDs = append(out.NetworkIDs, settings.NetworkID)
			}
		}
		slices.Sort(out.NetworkIDs)
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

func endpoints(id, name string, networks map[string]*network.EndpointSettings) []driver.Endpoint {
	var out []driver.Endpoint
	for network, settings := range networks {
		endpoint := driver.Endpoint{Network: network}
		if settings != nil {
			// Docker before 25 adds the short id.
			endpoint.Aliases = slices.DeleteFunc(slices.Clone(settings.Aliases), func(alias string) bool {
				return alias == name || generated(id, alias)
			})
			slices.Sort(endpoint.Aliases)
			endpoint.Aliases = slices.Compact(endpoint.Aliases)
		}
		out = append(out, endpoint)
	}
	slices.SortFunc(out, func(a, b driver.Endpoint) int { return strings.Compare(a.Network, b.Network) })
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
