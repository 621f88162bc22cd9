package graft

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
	"github.com/distribution/reference"
)

const (
	maxName     = 128
	maxHostname = 63 // a DNS label, and what Linux takes as a host name
	maxURL      = 2048
	maxImage    = 512
)

// complaint makes an error's message a sentence for a Problem.
func complaint(err error) string {
	message := ErrorMessage(err)
	first, size := utf8.DecodeRuneInString(message)
	return string(unicode.ToUpper(first)) + message[size:] + "."
}

func notEmpty(value string) string {
	if value == "" {
		return "It must not be empty."
	}
	return ""
}

func noNUL(value string) string {
	if strings.ContainsRune(value, 0) {
		return "It must not contain a NUL character."
	}
	return ""
}

func atMost(bytes int) rule {
	return func(value string) string {
		if len(value) > bytes {
			return fmt.Sprintf("It is %d bytes long; at most %d are allowed.", len(value), bytes)
		}
		return ""
	}
}

// unseen wants no name twice.
func unseen(seen map[string]bool, kind string) rule {
	return func(name string) string {
		if seen[name] {
			return fmt.Sprintf("There is another %s %s.", kind, quote(name))
		}
		seen[name] = true
		return ""
	}
}

func addonName(name string) string {
	other := func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune(" ._-", r)
	}
	switch {
	case name == "":
		return "An addon needs a name."
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Sprintf("A name has at most %d characters.", maxName)
	case strings.ContainsFunc(name, other):
		return fmt.Sprintf(`%s is not a name for an addon: use letters, digits, spaces, ".", "_" and "-".`, quote(name))
	case !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }):
		return "A name needs a letter or a digit."
	case strings.TrimSpace(name) != name:
		return "A name neither begins nor ends with a space."
	}
	return ""
}

// resourceName is for what Docker will know by that name.
func resourceName(name string) string {
	switch {
	case name == "":
		return "It must not be empty."
	case len(name) > maxName:
		return fmt.Sprintf("A name has at most %d characters.", maxName)
	case !isResourceName(name):
		return fmt.Sprintf(`%s is not a name that Docker takes: use a-z, A-Z, 0-9, ".", "_" and "-", and begin with a letter or a digit.`, quote(name))
	}
	return ""
}

func isResourceName(name string) bool {
	return name != "" && isAlphanumeric(name[0]) && all(name, func(b byte) bool {
		return isAlphanumeric(b) || b == '.' || b == '_' || b == '-'
	})
}

func isAlphanumeric(b byte) bool { return isDigit(b) || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }
func isDigit(b byte) bool        { return b >= '0' && b <= '9' }

func all(text string, is func(byte) bool) bool {
	for i := range len(text) {
		if !is(text[i]) {
			return false
		}
	}
	return true
}

// noGraftName keeps off the names that the engine gives to containers on their
// way in and out of a component's place.
func noGraftName(name string) string {
	if strings.Contains(name, ".graft-") {
		return fmt.Sprintf(`%s is not a name for a service: names with ".graft-" are those of Graft itself.`, quote(name))
	}
	return ""
}

// noEngineNetwork keeps off the names that every Docker Engine has a network of
// another kind for.
func noEngineNetwork(name string) string {
	if slices.Contains([]string{"bridge", "host", "none", "default"}, name) {
		return fmt.Sprintf("%s is a network of the Docker Engine itself, which services can't share: use another name.", quote(name))
	}
	return ""
}

func driverName(name string) string {
	// Plugins have the names of images: vendor/driver:tag.
	if name == "" || !isAlphanumeric(name[0]) || len(name) > maxName || !all(name, func(b byte) bool { return b > ' ' && b < 0x7f }) {
		return fmt.Sprintf("%s is not the name of a driver.", quote(name))
	}
	return ""
}

func imageReference(image string) string {
	if image == "" {
		return "It must not be empty."
	}
	if len(image) > maxImage {
		return fmt.Sprintf("The name of an image has at most %d characters.", maxImage)
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return fmt.Sprintf("%s is not the name of an image: %v.", quote(image), err)
	}
	// The parser takes every host with a dot for a registry, but can't tell which
	// it is if host names don't allow its characters.
	registry := reference.Domain(named)
	if registry == "" {
		host, _, _ := strings.Cut(image, "/")
		return fmt.Sprintf("%s is not the host name of a registry: use letters, digits, dots and hyphens.", quote(host))
	}
	if u, err := url.Parse("//" + registry); err != nil || u.Port() != "" && !isPort(u.Port()) {
		return fmt.Sprintf("%s is not the address of a registry: ports are numbers from 1 to 65535.", quote(registry))
	}
	return ""
}

func isPort(text string) bool {
	_, ok := parsePort(text)
	return ok
}

func semanticVersion(version string) string {
	if _, err := semver.StrictNewVersion(version); err != nil {
		return fmt.Sprintf("%s is not a semantic version: write it like 1.2.3 or 1.2.3-beta.1.", quote(version))
	}
	return ""
}

func webAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || len(address) > maxURL {
		return fmt.Sprintf("%s is not an address of the web: it begins with https:// or http://.", quote(address))
	}
	return ""
}

func planeName(plane string) string {
	if plane != string(PlaneRoot) && plane != string(PlaneCluster) {
		return fmt.Sprintf("%s is not a plane: use root or cluster.", quote(plane))
	}
	return ""
}

func platformName(platform string) string {
	parts := strings.Split(FullPlatform(platform), "/")
	if len(parts) > 3 || slices.ContainsFunc(parts, func(part string) bool {
		return part == "" || len(part) > 32 || !all(part, func(b byte) bool { return isDigit(b) || b >= 'a' && b <= 'z' || b == '_' })
	}) {
		return fmt.Sprintf("%s is not a platform: write it like amd64, arm64 or linux/arm/v7.", quote(platform))
	}
	return ""
}

func shellWords(command string) string {
	words, err := SplitCommand(command)
	if err != nil {
		return complaint(err)
	}
	if len(words) == 0 {
		return "The command has no words."
	}
	return ""
}

func variableName(name string) string {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return fmt.Sprintf(`%s is not the name of an environment variable: it is not empty and has no "=".`, quote(name))
	}
	return ""
}

func labelName(name string) string {
	for _, prefix := range []string{"oak.", "graft.", "com.docker.compose."} {
		if strings.HasPrefix(name, prefix) {
			return fmt.Sprintf("Labels that begin with %q are reserved for the orchestrator.", prefix)
		}
	}
	if message := notEmpty(name); message != "" {
		return message
	}
	return noNUL(name)
}

func restartPolicy(policy string) string {
	name, times, counted := strings.Cut(policy, ":")
	_, err := strconv.ParseUint(times, 10, 31)
	switch {
	case name == "on-failure" && (!counted || err == nil):
	case !counted && slices.Contains([]string{"no", "always", "unless-stopped"}, name):
	default:
		return fmt.Sprintf("%s is not a restart policy: use no, always, unless-stopped, on-failure or on-failure:3.", quote(policy))
	}
	return ""
}

func hostName(name string) string {
	good := len(name) <= maxHostname
	for label := range strings.SplitSeq(name, ".") {
		good = good && label != "" && label[0] != '-' && label[len(label)-1] != '-' &&
			all(label, func(b byte) bool { return isAlphanumeric(b) || b == '-' })
	}
	if !good {
		return fmt.Sprintf("%s is not a host name: use letters, digits, dots and hyphens inside, at most %d characters.", quote(name), maxHostname)
	}
	return ""
}

func userName(user string) string {
	name, group, grouped := strings.Cut(user, ":")
	odd := func(r rune) bool { return r == ':' || !unicode.IsPrint(r) || unicode.IsSpace(r) }
	if len(user) > maxName || name == "" || grouped && group == "" || strings.ContainsFunc(name+group, odd) {
		return fmt.Sprintf("%s is not a user: write a name or number, and a group after a colon if need be.", quote(user))
	}
	return ""
}

func absolutePath(name string) string {
	if !path.IsAbs(name) {
		return fmt.Sprintf("%s is not an absolute path: it begins with a slash.", quote(name))
	}
	return ""
}

func capability(name string) string {
	const known = "ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE " +
		"CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE " +
		"LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST " +
		"NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT " +
		"SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM"
	short := strings.TrimPrefix(strings.ToUpper(name), "CAP_")
	if !slices.Contains(strings.Fields(known), short) {
		return fmt.Sprintf("%s is not a capability of Linux: write it like NET_ADMIN, or ALL.", quote(name))
	}
	return ""
}

func device(device string) string {
	parts := strings.Split(device, ":")
	good := len(parts) == 2 || len(parts) == 3 && parts[2] != "" && strings.Trim(parts[2], "rwm") == ""
	if !good || !isHostPath(parts[0]) || !path.IsAbs(parts[1]) {
		return fmt.Sprintf("%s is not a device: write it like /dev/video0:/dev/video0:rwm.", quote(device))
	}
	return ""
}

func signalName(name string) string {
	const known = "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV " +
		"STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX"
	short := strings.TrimPrefix(strings.ToUpper(name), "SIG")
	number, err := strconv.ParseUint(short, 10, 8)
	switch {
	case err == nil && number >= 1 && number <= 64 && short == name:
	case slices.Contains(strings.Fields(known), short):
	case realtimeSignal(short, "RTMIN+", 15), realtimeSignal(short, "RTMAX-", 14):
	default:
		return fmt.Sprintf("%s is not a signal: write it like SIGTERM, or as a number from 1 to 64.", quote(name))
	}
	return ""
}

func realtimeSignal(name, base string, most uint64) bool {
	offset, ok := strings.CutPrefix(name, base)
	n, err := strconv.ParseUint(offset, 10, 8)
	return ok && err == nil && n >= 1 && n <= most && offset[0] != '0'
}
