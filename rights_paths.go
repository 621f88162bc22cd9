package graft

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// processRoot is where a process's root, folder and open files are: links to
// anywhere on the host.
var processRoot = regexp.MustCompile(`^/proc/([0-9]+|self|thread-self)(/task/[0-9]+)?/(root|cwd|fd/[0-9]+|map_files/[^/]+)(/|$)`)

// hostPath returns the one spelling of a path on a host by which paths are
// compared: clean, below /run where hosts have a link to it, and without the way
// through a process, which leads to the host's own root at the worst.
func hostPath(name string) string {
	name = path.Clean("/" + name)
	for link := processRoot.FindString(name); link != ""; link = processRoot.FindString(name) {
		name = path.Clean("/" + strings.TrimPrefix(name, link))
	}
	if rest, ok := strings.CutPrefix(name, "/var/run"); ok && (rest == "" || rest[0] == '/') {
		return "/run" + rest
	}
	return name
}

// within is whether a path is a folder or below it.
func within(name, folder string) bool {
	return name == folder || folder == "/" || strings.HasPrefix(name, folder+"/")
}

// readOnly is whether a container can't change what is mounted.
func (m Mount) readOnly() bool { return slices.Contains(strings.Split(m.Mode, ","), "ro") }

// pathRights adds what it means to mount a path of the host: it is a host_path,
// a socket of a container runtime, or both when such a socket is in it.
func pathRights(service, name string, readOnly bool, found *rightList) {
	if found.full() {
		return
	}
	if name = path.Clean(name); processRoot.MatchString(name) {
		name = hostPath(name)
	}
	who := "Service " + service
	if service == "" {
		who = "A volume that no service mounts"
	}
	if isRuntimeSocket(name) {
		found.add(Right{
			Kind: RightDockerSocket, Target: name, Service: service, Level: RiskCritical, Dangerous: true,
			Text: fmt.Sprintf("%s uses the socket %s: whoever can has all rights on the host.", who, name),
		})
		return // whether it is read-only makes no difference to a socket
	}
	if holdsRuntimeSocket(name) {
		found.add(Right{
			Kind: RightDockerSocket, Target: name, Service: service, Level: RiskCritical, Dangerous: true,
			Text: fmt.Sprintf("%s reaches the container runtime's socket in %s: whoever can has all rights on the host.", who, name),
		})
	}
	right := Right{Kind: RightHostPath, Target: name, Service: service, ReadOnly: readOnly, Level: pathLevel(name, readOnly), Dangerous: true}
	does := "reads and changes"
	if readOnly {
		does = "reads"
	}
	right.Text = fmt.Sprintf("%s %s %s on the host.", who, does, name)
	found.add(right)
}

// pathLevel is how bad it is to have a path: where the system, its secrets or
// other containers are, it is as good as being root.
func pathLevel(name string, readOnly bool) RiskLevel {
	const system = "/bin /boot /dev /etc /home /lib /lib32 /lib64 /libx32 /proc /root /run /sbin /sys /usr " +
		"/var/lib/containerd /var/lib/containers /var/lib/docker /var/lib/graft /var/lib/kubelet /var/lib/rancher " +
		"/var/spool/cron"
	level := RiskHigh
	if readOnly {
		level = RiskMedium
	}
	name = hostPath(name)
	for folder := range strings.FieldsSeq(system) {
		if within(name, folder) || within(folder, name) {
			level = RiskCritical
			if readOnly {
				level = RiskHigh
			}
		}
	}
	return level
}

// isRuntimeSocket goes by the name of the file: sockets can be moved, and are
// seldom renamed.
func isRuntimeSocket(name string) bool {
	const known = "docker.sock docker-cli.sock containerd.sock podman.sock crio.sock buildkitd.sock dockershim.sock cri-dockerd.sock"
	base := strings.TrimSuffix(path.Base(name), ".ttrpc")
	return slices.Contains(strings.Fields(known), base)
}

// holdsRuntimeSocket is whether a folder has, at some depth, one of the places
// where runtimes put their sockets.
func holdsRuntimeSocket(folder string) bool {
	const places = "/run/docker.sock /var/run/docker.sock /run/containerd/containerd.sock /run/podman/podman.sock " +
		"/run/crio/crio.sock /run/buildkit/buildkitd.sock /run/k3s/containerd/containerd.sock " +
		"/run/user/*/docker.sock /run/user/*/podman/podman.sock /run/docker/containerd/containerd.sock"
	folder = hostPath(folder)
	for place := range strings.FieldsSeq(places) {
		for at := place; at != "/"; at = path.Dir(at) {
			if matched, _ := path.Match(at, folder); matched { // the patterns are good
				return true
			}
		}
	}
	return folder == "/"
}

// deviceRight is what it means to be given a device, or all devices in a folder.
func deviceRight(service, name string) Right {
	name = path.Clean(name)
	right := Right{
		Kind: RightDevice, Target: name, Service: service, Level: RiskHigh, Dangerous: true,
		Text: fmt.Sprintf("Service %s uses the device %s of the host.", service, name),
	}
	// Whoever has a disk or the memory has everything that is on it.
	const whole = "sd hd vd xvd nvme mmcblk dm- mapper disk block loop md mem kmem port kvm vhost"
	short, inDev := strings.CutPrefix(name, "/dev/")
	if !inDev || slices.ContainsFunc(strings.Fields(whole), func(prefix string) bool { return strings.HasPrefix(short, prefix) }) {
		right.Level = RiskCritical
	}
	return right
}

// volumeRights finds the volumes that are a path of the host by another name:
// what a driver mounts is up to its options.
func (d *Descriptor) volumeRights(found *rightList) {
	type content struct {
		paths    []string
		readOnly bool
		mounted  bool
	}
	volumes := map[string]*content{}
	for i := range d.Volumes {
		paths, readOnly := volumePaths(&d.Volumes[i])
		volumes[d.Volumes[i].Name] = &content{paths: paths, readOnly: readOnly}
	}
	for i := range d.Services {
		for _, text := range d.Services[i].Volumes {
			m, err := ParseMount(text)
			if v := volumes[m.Source]; err == nil && !m.Bind && v != nil {
				v.mounted = true
				for n := 0; n < len(v.paths) && !found.full(); n++ {
					pathRights(d.Services[i].Name, v.paths[n], v.readOnly || m.readOnly(), found)
				}
			}
		}
	}
	for i := range d.Volumes {
		if v := volumes[d.Volumes[i].Name]; !v.mounted {
			for _, name := range v.paths {
				pathRights("", name, v.readOnly, found)
			}
		}
	}
}

// volumePaths returns the paths of the host that are in a volume. Of drivers other
// than the local one only their authors know what the options mean, so every path
// counts.
func volumePaths(v *Volume) (paths []string, readOnly bool) {
	if v.Driver == driverLocal || v.Driver == driverBridge || v.Driver == "" {
		return localPath(v.DriverOpts)
	}
	between := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("=,:;", r) }
	for _, key := range slices.Sorted(maps.Keys(v.DriverOpts)) {
		for word := range strings.FieldsFuncSeq(v.DriverOpts[key], between) {
			if path.IsAbs(word) && len(paths) <= MaxRights {
				paths = append(paths, path.Clean(word))
			}
		}
	}
	return paths, false
}

// localPath is volumePaths for Docker's local driver. Its options are those of
// mount(8), https://docs.docker.com/reference/cli/docker/volume/create/#opt.
func localPath(options map[string]string) (paths []string, readOnly bool) {
	flags := strings.Split(strings.ToLower(options["o"]), ",")
	for i := range flags {
		flags[i] = strings.TrimSpace(flags[i])
	}
	bound := slices.Contains(flags, "bind") || slices.Contains(flags, "rbind") // whatever the type says
	kind, device := strings.ToLower(options["type"]), options["device"]
	place := "/" // such as an overlay over anything
	switch {
	case bound && !path.IsAbs(device):
	case bound:
		place = device
	case kind == "" && device == "":
		return nil, false // a folder of the driver's own
	case slices.Contains([]string{"tmpfs", "ramfs"}, kind):
		return nil, false // memory
	case slices.Contains([]string{"nfs", "nfs4", "cifs", "smb3"}, kind):
		place = "/" + strings.TrimLeft(device, ":/") // the host mounts it, whom servers trust, and it may be the host's own
	case kind == "proc":
		place = "/proc"
	case kind == "sysfs":
		place = "/sys"
	case strings.HasPrefix(kind, "dev"):
		place = "/dev"
	case path.IsAbs(device):
		place = device // such as a disk
	}
	return []string{path.Clean(place)}, slices.Contains(flags, "ro")
}
