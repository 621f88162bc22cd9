package words

// Field is how a field of the form for a new addon is called and explained.
type Field struct {
	Label, Hint string
	Columns     []string // of rows
	Add         string   // of rows: the button for another one
	Item        string   // of a field that may also be a list: its column then
}

// AddonFields are those of an addon, by their names in the descriptor.
func AddonFields() map[string]Field {
	return map[string]Field{
		"name":        {Label: "Name", Hint: "Letters, digits, spaces, dots, underscores and dashes."},
		"version":     {Label: "Version", Hint: "A semantic version, such as 1.2.3. Without one the marketplace counts."},
		"description": {Label: "Description", Hint: "One sentence: what it does."},
		"homepage":    {Label: "Homepage", Hint: "Begins with https://"},
		"readme":      {Label: "Readme", Hint: "Markdown."},
		"planes":      {Label: "Planes", Hint: "Where it can be installed. None: everywhere."},
		"platforms":   {Label: "Platforms", Hint: "What all images are made for, such as amd64 or linux/arm64. None: as the images say.", Columns: []string{"Platform"}, Add: "Add platform"},
	}
}

// ServiceFields are those of a service, by their names in the descriptor.
func ServiceFields() map[string]Field {
	return map[string]Field{
		"service_name":             {Label: "Service name", Hint: "With the name of a component of the orchestrator, the service takes its place: this makes the addon a plugin."},
		"image":                    {Label: "Image", Hint: "Such as registry.example/you/hello:1"},
		"command":                  {Label: "Command", Hint: "Instead of the image's own, in the words of a shell."},
		"ports":                    {Label: "Ports", Hint: "Container port → host port. A number, or a range such as 8000-8010; /udp after the container port if it is not TCP.", Columns: []string{"Container port", "Host port"}, Add: "Add port"},
		"environment":              {Label: "Environment", Columns: []string{"Variable", "Value"}, Add: "Add variable"},
		"volumes":                  {Label: "Mounts", Hint: "The source is a volume's name, or an absolute path on the host.", Columns: []string{"Source", "Path in the container", "Mode"}, Add: "Add mount"},
		"networks":                 {Label: "Networks", Hint: "Besides the orchestrator's own one.", Columns: []string{"Network"}, Add: "Add network"},
		"labels":                   {Label: "Labels", Columns: []string{"Label", "Value"}, Add: "Add label"},
		"restart":                  {Label: "Restart", Hint: "When the service is started again after it ended."},
		"depends_on":               {Label: "Depends on", Hint: "What other services must have reached before this one starts.", Columns: []string{"Service", "Condition"}, Add: "Add dependency", Item: "Service"},
		"entrypoint":               {Label: "Entrypoint", Hint: "The program and its arguments, instead of the image's.", Columns: []string{"Word"}, Add: "Add word"},
		"user":                     {Label: "User", Hint: "Name or number, with :group if need be."},
		"working_dir":              {Label: "Working directory"},
		"hostname":                 {Label: "Host name"},
		"mem_limit":                {Label: "Memory limit", Hint: "Bytes, or with a unit, such as 64m."},
		"cpus":                     {Label: "CPUs", Hint: "Such as 0.5"},
		"read_only":                {Label: "Root file system is read-only"},
		"privileged":               {Label: "Privileged: all rights on the host"},
		"cap_add":                  {Label: "Capabilities to add", Hint: "Such as NET_ADMIN", Columns: []string{"Capability"}, Add: "Add capability"},
		"cap_drop":                 {Label: "Capabilities to drop", Hint: "Such as ALL", Columns: []string{"Capability"}, Add: "Add capability to drop"},
		"devices":                  {Label: "Devices", Hint: "Such as /dev/video0:/dev/video0:rwm", Columns: []string{"Device"}, Add: "Add device"},
		"tmpfs":                    {Label: "Memory file systems", Hint: "Such as /tmp:size=64m", Columns: []string{"Path"}, Add: "Add memory file system"},
		"probe.http.port":          {Label: "Probe over HTTP: port", Hint: "Asked from outside, whether the service works. HTTP or TCP, not both."},
		"probe.http.path":          {Label: "Probe over HTTP: path", Hint: "Such as /health"},
		"probe.tcp.port":           {Label: "Probe over TCP: port"},
		"healthcheck.test":         {Label: "Health check", Hint: "A line for the container's shell that ends well while the service works; of a list, the first word is CMD, CMD-SHELL or NONE.", Add: "Add word", Item: "Word"},
		"healthcheck.interval":     {Label: "Health check: interval", Hint: "Such as 30s"},
		"healthcheck.timeout":      {Label: "Health check: timeout", Hint: "Such as 5s"},
		"healthcheck.start_period": {Label: "Health check: start period", Hint: "How long failures don't count at first, such as 1m"},
		"healthcheck.retries":      {Label: "Health check: retries"},
		"healthcheck.disable":      {Label: "No health check, not even the image's own"},
		"stable_for":               {Label: "Stable for", Hint: "How long a service without a health check or probe must run to count as working, such as 3s."},
		"stop_grace_period":        {Label: "Time to stop", Hint: "Such as 10s"},
		"stop_signal":              {Label: "Signal to stop", Hint: "Such as SIGTERM"},
	}
}

// VolumeFields are those of a volume, by their names in the descriptor.
func VolumeFields() map[string]Field {
	return map[string]Field{
		"name":        {Label: "Name"},
		"driver":      {Label: "Driver", Hint: "local if it is empty."},
		"driver_opts": {Label: "Driver options", Columns: []string{"Option", "Value"}, Add: "Add option"},
		"labels":      {Label: "Labels", Columns: []string{"Label", "Value"}, Add: "Add label"},
	}
}

// NetworkFields are those of a network, by their names in the descriptor.
func NetworkFields() map[string]Field {
	return map[string]Field{
		"name":        {Label: "Name"},
		"driver":      {Label: "Driver", Hint: "bridge if it is empty."},
		"enable_ipv6": {Label: "IPv6"},
	}
}

// Section is how a list of the form is called, and what is in it.
type Section struct {
	Title, One string
	Numbered   string // one that has no name yet
}

// Sections are the lists, by their names in the descriptor.
func Sections() map[string]Section {
	return map[string]Section{
		"services": {Title: "Services", One: "service", Numbered: "Service %d"},
		"volumes":  {Title: "Volumes", One: "volume", Numbered: "Volume %d"},
		"networks": {Title: "Networks", One: "network", Numbered: "Network %d"},
	}
}

// Choice is what one of a field's choices is called; most are the descriptor's own
// words.
func Choice(choice string) string {
	switch choice {
	case "":
		return "(default)"
	case "ro":
		return "read only"
	case "rw":
		return "read and write"
	}
	return choice
}
