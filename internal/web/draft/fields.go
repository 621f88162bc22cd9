package draft

import (
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// Control is what a field of the form is shown as.
type Control string

const (
	ControlText       Control = "text"
	ControlArea       Control = "area"  // text of many lines
	ControlCheck      Control = "check" // true or false
	ControlChoice     Control = "choice"
	ControlChecks     Control = "checks" // some of a few words
	ControlList       Control = "list"   // rows of a text
	ControlPairs      Control = "pairs"  // rows of a key and its value
	ControlMounts     Control = "mounts" // rows of source, path and mode
	ControlConditions Control = "conditions"
)

// spec says how a member is shown; what it is called is in package words.
type spec struct {
	name     string // with dots: of objects inside the object
	control  Control
	choices  []string // "" is the default
	suggest  string   // id of the datalist with what can be filled in
	required bool     // it is not taken away when it is empty
	number   bool     // written as a number when it looks like one
	either   bool     // with number: text that looks like one means the same
	orList   bool     // it may also be a list of texts
	loose    bool     // of a check: words and numbers count, too
}

func addonSpecs() []spec {
	return []spec{
		{name: "name", control: ControlText, required: true},
		{name: "version", control: ControlText},
		{name: "description", control: ControlText},
		{name: "homepage", control: ControlText},
		{name: "readme", control: ControlArea},
		{name: "planes", control: ControlChecks, choices: []string{string(graft.PlaneRoot), string(graft.PlaneCluster)}},
		{name: "platforms", control: ControlList, suggest: "platform-names"},
	}
}

// serviceSpecs are the fields of a service, those that most services need first.
func serviceSpecs() (usual, more []spec) {
	usual = []spec{
		{name: "service_name", control: ControlText, required: true, suggest: "component-names"},
		{name: "image", control: ControlText, required: true},
		{name: "command", control: ControlText},
		{name: "ports", control: ControlPairs},
		{name: "environment", control: ControlPairs},
		{name: "volumes", control: ControlMounts, suggest: "volume-names"},
		{name: "networks", control: ControlList, suggest: "network-names"},
	}
	more = []spec{
		{name: "labels", control: ControlPairs},
		{name: "restart", control: ControlChoice, choices: []string{"", "no", "on-failure", "always", "unless-stopped"}},
		{
			name: "depends_on", control: ControlConditions, suggest: "service-names", orList: true,
			choices: []string{graft.ServiceStarted, graft.ServiceHealthy, graft.ServiceCompleted},
		},
		{name: "entrypoint", control: ControlList},
		{name: "user", control: ControlText},
		{name: "working_dir", control: ControlText},
		{name: "hostname", control: ControlText},
		{name: "mem_limit", control: ControlText, number: true, either: true},
		{name: "cpus", control: ControlText, number: true, either: true},
		{name: "read_only", control: ControlCheck},
		{name: "privileged", control: ControlCheck},
		{name: "cap_add", control: ControlList},
		{name: "cap_drop", control: ControlList},
		{name: "devices", control: ControlList},
		{name: "tmpfs", control: ControlList},
		{name: "probe.http.port", control: ControlText, number: true},
		{name: "probe.http.path", control: ControlText},
		{name: "probe.tcp.port", control: ControlText, number: true},
		{name: "healthcheck.test", control: ControlText, orList: true},
		{name: "healthcheck.interval", control: ControlText},
		{name: "healthcheck.timeout", control: ControlText},
		{name: "healthcheck.start_period", control: ControlText},
		{name: "healthcheck.retries", control: ControlText, number: true},
		{name: "healthcheck.disable", control: ControlCheck},
		{name: "stable_for", control: ControlText},
		{name: "stop_grace_period", control: ControlText},
		{name: "stop_signal", control: ControlText},
	}
	return usual, more
}

func volumeSpecs() []spec {
	return []spec{
		{name: "name", control: ControlText, required: true},
		{name: "driver", control: ControlText},
		{name: "driver_opts", control: ControlPairs},
		{name: "labels", control: ControlPairs},
	}
}

func networkSpecs() []spec {
	return []spec{
		{name: "name", control: ControlText, required: true},
		{name: "driver", control: ControlText},
		{name: "enable_ipv6", control: ControlCheck, loose: true},
	}
}

// section is one of the lists of objects that a descriptor has.
type section struct {
	name  string
	names string // id of the datalist with the names of its items
	blank string // what is added
	title string // the member that an item is called by
	specs func() (usual, more []spec)
	words func() map[string]words.Field
}

func sections() []section {
	plain := func(specs func() []spec) func() (usual, more []spec) {
		return func() (usual, more []spec) { return specs(), nil }
	}
	return []section{
		{"services", "service-names", `{"service_name":"","image":""}`, "service_name", serviceSpecs, words.ServiceFields},
		{"volumes", "volume-names", `{"name":""}`, "name", plain(volumeSpecs), words.VolumeFields},
		{"networks", "network-names", `{"name":""}`, "name", plain(networkSpecs), words.NetworkFields},
	}
}

// as is s for what the document has: some members can be written in two ways.
func (s spec) as(n *node) spec {
	if s.orList && n != nil && n.kind == list {
		s.control = ControlList
	}
	return s
}

// rank is where a new member goes: after those that are named before it.
func rank(name string) int {
	return slices.Index([]string{
		"name", "version", "description", "homepage", "readme", "planes", "platforms", "services",
		"service_name", "image", "entrypoint", "command", "ports", "environment", "volumes", "networks",
		"driver", "driver_opts", "enable_ipv6", "labels", "restart", "depends_on", "user", "working_dir", "hostname",
		"mem_limit", "cpus", "read_only", "privileged", "cap_add", "cap_drop", "devices", "tmpfs",
		"probe", "healthcheck", "http", "tcp", "port", "path", "test", "interval", "timeout", "start_period", "retries", "disable",
		"stable_for", "stop_grace_period", "stop_signal",
	}, name)
}
