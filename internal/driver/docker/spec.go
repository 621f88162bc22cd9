package docker

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// createOptions puts a specification into Docker's words. Only the primary
// endpoint is part of it: older Engines refuse more than one.
func createOptions(spec *driver.ContainerSpec, primary *network.EndpointSettings) (client.ContainerCreateOptions, error) {
	restart, err := parseRestart(spec.Restart)
	if err != nil {
		return client.ContainerCreateOptions{}, err
	}
	bindings, err := portBindings(spec.Ports)
	if err != nil {
		return client.ContainerCreateOptions{}, err
	}
	home := spec.Endpoints[0].Network
	return client.ContainerCreateOptions{
		Name:   spec.Name,
		Config: config(spec, bindings),
		HostConfig: &container.HostConfig{
			NetworkMode:    container.NetworkMode(home),
			PortBindings:   bindings,
			RestartPolicy:  restart,
			Binds:          binds(spec.Mounts),
			CapAdd:         spec.CapAdd,
			CapDrop:        spec.CapDrop,
			Privileged:     spec.Privileged,
			ReadonlyRootfs: spec.ReadOnly,
			Tmpfs:          tmpfs(spec.Tmpfs),
			Resources: container.Resources{
				Memory:   spec.MemLimit,
				NanoCPUs: int64(math.Round(spec.CPUs * 1e9)),
				Devices:  devices(spec.Devices),
			},
		},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			home: primary,
		}},
	}, nil
}

func config(spec *driver.ContainerSpec, bindings network.PortMap) *container.Config {
	c := &container.Config{
		Image:       spec.Image,
		Labels:      spec.Labels,
		Entrypoint:  spec.Entrypoint,
		Cmd:         spec.Command,
		Hostname:    spec.Hostname,
		User:        spec.User,
		WorkingDir:  spec.WorkingDir,
		StopSignal:  spec.StopSignal,
		Healthcheck: healthcheck(spec.Healthcheck),
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Environment)) {
		c.Env = append(c.Env, name+"="+spec.Environment[name])
	}
	if len(bindings) > 0 {
		c.ExposedPorts = network.PortSet{}
		for port := range bindings {
			c.ExposedPorts[port] = struct{}{}
		}
	}
	if spec.StopGracePeriod > 0 {
		seconds := int(math.Ceil(spec.StopGracePeriod.Seconds()))
		c.StopTimeout = &seconds
	}
	return c
}

func healthcheck(h *graft.Healthcheck) *container.HealthConfig {
	if h == nil {
		return nil
	}
	if h.Disable || len(h.Test) > 0 && h.Test[0] == "NONE" {
		return &container.HealthConfig{Test: []string{"NONE"}}
	}
	return &container.HealthConfig{
		Test:        h.Test,
		Interval:    duration(h.Interval),
		Timeout:     duration(h.Timeout),
		StartPeriod: duration(h.StartPeriod),
		Retries:     h.Retries,
	}
}

func duration(d *graft.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

func binds(mounts []driver.Mount) []string {
	var out []string
	for _, m := range mounts {
		bind := m.Source + ":" + m.Target
		if m.Mode != "" {
			bind += ":" + m.Mode
		}
		out = append(out, bind)
	}
	return out
}

func tmpfs(mounts []string) map[string]string {
	if len(mounts) == 0 {
		return nil
	}
	out := make(map[string]string, len(mounts))
	for _, m := range mounts {
		path, options, _ := strings.Cut(m, ":")
		out[path] = options
	}
	return out
}

// devices reads host path[:container path[:rwm]].
func devices(list []string) []container.DeviceMapping {
	var out []container.DeviceMapping
	for _, text := range list {
		host, rest, _ := strings.Cut(text, ":")
		inside, permissions, _ := strings.Cut(rest, ":")
		out = append(out, container.DeviceMapping{
			PathOnHost: host, PathInContainer: cmp.Or(inside, host), CgroupPermissions: cmp.Or(permissions, "rwm"),
		})
	}
	return out
}

func portBindings(ports []driver.Port) (network.PortMap, error) {
	if len(ports) == 0 {
		return nil, nil //nolint:nilnil // no ports, no bindings
	}
	out := network.PortMap{}
	for _, p := range ports {
		port, ok := network.PortFrom(p.ContainerPort, network.IPProtocol(cmp.Or(p.Protocol, "tcp")))
		if !ok {
			return nil, graft.Errorf(graft.CodeInvalid, "%d/%s is no container port", p.ContainerPort, p.Protocol)
		}
		var binding network.PortBinding
		if p.HostIP != "" {
			ip, err := netip.ParseAddr(p.HostIP)
			if err != nil {
				return nil, graft.Errorf(graft.CodeInvalid, "port %s: %q is no IP address of the host", port, p.HostIP)
			}
			binding.HostIP = ip
		}
		if p.HostPort != 0 {
			binding.HostPort = strconv.Itoa(int(p.HostPort))
		}
		out[port] = append(out[port], binding)
	}
	return out, nil
}

// parseRestart reads no, always, unless-stopped and on-failure[:n].
func parseRestart(policy string) (container.RestartPolicy, error) {
	name, limit, limited := strings.Cut(policy, ":")
	out := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
	if limited {
		n, err := strconv.Atoi(limit)
		if err != nil {
			return out, errRestart(policy)
		}
		out.MaximumRetryCount = n
	}
	if container.ValidateRestartPolicy(out) != nil {
		return out, errRestart(policy)
	}
	return out, nil
}

func errRestart(policy string) error {
	return graft.Errorf(graft.CodeInvalid, "%q is no restart policy: use no, always, unless-stopped or on-failure[:n]", policy)
}
