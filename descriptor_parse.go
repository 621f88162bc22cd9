package graft

// maxItems is how many services, volumes and networks an addon can have.
const maxItems = 100

// ParseDescriptor reads a descriptor from JSON, strictly, and fills in the
// defaults. The error has CodeMalformed when data is no JSON, else CodeInvalid
// and all problems at once. No document at all counts as an empty object, so
// that its author is told which fields are required.
func ParseDescriptor(data []byte) (descriptor *Descriptor, warnings Problems, err error) {
	if len(data) == 0 {
		data = []byte("{}")
	}
	document, err := parseJSON(data)
	if err != nil {
		return nil, nil, err
	}
	d, c := &Descriptor{}, &complaints{}
	record(descriptorFields(d))(c, nil, document)
	d.SetDefaults()
	problems, warnings := d.Validate()
	c.addOthers(problems)
	if err := c.problems().Err(); err != nil {
		return nil, warnings, err
	}
	return d, warnings, nil
}

func descriptorFields(d *Descriptor) []field {
	return []field{
		{name: "name", required: true, read: text(&d.Name)},
		{name: "version", read: text(&d.Version)},
		{name: "description", read: text(&d.Description)},
		{name: "homepage", read: text(&d.Homepage)},
		{name: "readme", read: text(&d.Readme)},
		{name: "planes", read: texts(&d.Planes)},
		{name: "platforms", read: texts(&d.Platforms)},
		{name: "services", required: true, read: records(&d.Services, serviceFields)},
		{name: "volumes", read: records(&d.Volumes, volumeFields)},
		{name: "networks", read: records(&d.Networks, networkFields)},
	}
}

func serviceFields(s *Service) []field {
	return []field{
		{name: "service_name", required: true, read: text(&s.Name)},
		{name: "image", required: true, read: text(&s.Image)},
		{name: "command", read: text(&s.Command)},
		{name: "networks", read: texts(&s.Networks)},
		{name: "volumes", read: texts(&s.Volumes)},
		{name: "ports", read: textMap(&s.Ports)},
		{name: "environment", read: textMap(&s.Environment)},
		{name: "labels", read: textMap(&s.Labels)},
		{name: "entrypoint", read: textOrTexts(&s.Entrypoint, SplitCommand)},
		{name: "restart", read: text(&s.Restart)},
		{name: "healthcheck", read: pointer(&s.Healthcheck, func(h *Healthcheck) reader { return record(healthcheckFields(h)) })},
		{name: "probe", read: pointer(&s.Probe, func(p *Probe) reader { return record(probeFields(p)) })},
		{name: "stable_for", read: pointer(&s.StableFor, duration)},
		{name: "depends_on", read: dependencies(&s.DependsOn)},
		{name: "hostname", read: text(&s.Hostname)},
		{name: "user", read: text(&s.User)},
		{name: "working_dir", read: text(&s.WorkingDir)},
		{name: "cap_add", read: texts(&s.CapAdd)},
		{name: "cap_drop", read: texts(&s.CapDrop)},
		{name: "devices", read: texts(&s.Devices)},
		{name: "privileged", read: boolean(&s.Privileged)},
		{name: "read_only", read: boolean(&s.ReadOnly)},
		{name: "tmpfs", read: textOrTexts(&s.Tmpfs, func(line string) ([]string, error) { return []string{line}, nil })},
		{name: "mem_limit", read: size(&s.MemLimit)},
		{name: "cpus", read: decimal(&s.CPUs)},
		{name: "stop_grace_period", read: pointer(&s.StopGracePeriod, duration)},
		{name: "stop_signal", read: text(&s.StopSignal)},
	}
}

func healthcheckFields(h *Healthcheck) []field {
	shell := func(line string) ([]string, error) { return []string{testShell, line}, nil }
	return []field{
		{name: "test", read: textOrTexts(&h.Test, shell)},
		{name: "interval", read: pointer(&h.Interval, duration)},
		{name: "timeout", read: pointer(&h.Timeout, duration)},
		{name: "start_period", read: pointer(&h.StartPeriod, duration)},
		{name: "retries", read: integer(&h.Retries)},
		{name: "disable", read: boolean(&h.Disable)},
	}
}

func probeFields(p *Probe) []field {
	return []field{
		{name: "http", read: pointer(&p.HTTP, func(h *HTTPProbe) reader { return record(httpProbeFields(h)) })},
		{name: "tcp", read: pointer(&p.TCP, func(t *TCPProbe) reader { return record(tcpProbeFields(t)) })},
		{name: "start_period", read: pointer(&p.StartPeriod, duration)},
		{name: "interval", read: pointer(&p.Interval, duration)},
		{name: "timeout", read: pointer(&p.Timeout, duration)},
		{name: "retries", read: integer(&p.Retries)},
	}
}

func httpProbeFields(h *HTTPProbe) []field {
	return []field{
		{name: "port", required: true, read: portNumber(&h.Port)},
		{name: "path", read: text(&h.Path)},
		{name: "status", read: integer(&h.Status)},
	}
}

func tcpProbeFields(t *TCPProbe) []field {
	return []field{{name: "port", required: true, read: portNumber(&t.Port)}}
}

func dependencyFields(d *Dependency) []field {
	return []field{{name: "condition", required: true, read: text(&d.Condition)}}
}

func volumeFields(v *Volume) []field {
	return []field{
		{name: "name", required: true, read: text(&v.Name)},
		{name: "driver", read: text(&v.Driver)},
		{name: "driver_opts", read: textMap(&v.DriverOpts)},
		{name: "labels", read: textMap(&v.Labels)},
	}
}

func networkFields(n *Network) []field {
	return []field{
		{name: "name", required: true, read: text(&n.Name)},
		{name: "driver", read: text(&n.Driver)},
		{name: "enable_ipv6", read: looseBoolean(&n.EnableIPv6)},
	}
}
