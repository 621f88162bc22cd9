package verify

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
)

// Registry is a registry that an operator allows, wherever its name leads.
type Registry struct {
	host string // in lower case, without brackets
	port string // empty: those that a reference without a port means
}

// ParseRegistry reads HOST[:PORT] as an image reference has it: without a port
// it is 443, and 80 for a registry that does without TLS. CodeInvalid.
func ParseRegistry(text string) (Registry, error) {
	u, err := url.Parse("//" + strings.TrimSpace(text))
	if err != nil || u.Host != strings.TrimSpace(text) || !goodHost(u) || !goodPort(u) {
		return Registry{}, graft.Errorf(graft.CodeInvalid,
			"%q is no registry: write it as HOST or HOST:PORT, such as registry.lan:5000 or [fd00::5]:5000, as images have it",
			text[strings.LastIndexByte(text, '@')+1:]) // before it may be a password
	}
	return Registry{canonicalHost(u.Hostname()), u.Port()}, nil
}

// goodHost wants addresses of IPv6, and nothing else, in brackets, and names that
// do not begin or end with a dot, but for one that says that they are whole.
func goodHost(u *url.URL) bool {
	host := u.Hostname()
	name := canonicalHost(host)
	return name != "" && name == strings.Trim(name, ".") && strings.Contains(host, ":") == strings.HasPrefix(u.Host, "[")
}

func goodPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// is whether a request to that host and port is one to the registry.
func (r Registry) is(host, port string) bool {
	return r.host == canonicalHost(host) && (r.port == port || r.port == "" && (port == "443" || port == "80"))
}

// canonicalHost writes names and addresses in one way each.
func canonicalHost(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// hostPort returns where a request goes, with the port that its scheme implies.
func hostPort(u *url.URL) (host, port string) {
	port = u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return u.Hostname(), port
}

// written is an address as an image reference has it.
func written(host, port string) string {
	if port == "443" || port == "80" {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}
