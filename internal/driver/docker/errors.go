package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/graftplatform/graft"
	"github.com/moby/moby/client"
)

// failed turns an error of the client into one of ours. The message begins with
// what was being done and ends in Docker's own words; a broken connection is
// dropped.
func (d *Driver) failed(api *client.Client, err error, format string, args ...any) *graft.Error {
	doing := fmt.Sprintf(format, args...)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return graft.WrapError(graft.CodeUnavailable, err, "%s: Docker at %s did not answer before the call was given up", doing, withoutUser(d.host))
	}
	if broken(err) {
		if api != nil {
			d.disconnect(api)
		}
		return graft.WrapError(graft.CodeUnavailable, err,
			"Docker does not answer at %s: is it running, and may this user use it?", withoutUser(d.host))
	}
	return graft.Errorf(codeOf(err), "%s: %s", doing, words(err))
}

// broken tells whether the connection failed, rather than what it was used for.
func broken(err error) bool {
	var network net.Error
	return client.IsErrConnectionFailed(err) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func codeOf(err error) graft.Code {
	switch {
	case strings.Contains(err.Error(), "is ambiguous"):
		// Two clients made a network of one name; one of them is about to go.
		return graft.CodeUnavailable
	case errdefs.IsNotFound(err):
		return graft.CodeNotFound
	case errdefs.IsConflict(err):
		return graft.CodeConflict
	case errdefs.IsInvalidArgument(err):
		return graft.CodeInvalid
	case errdefs.IsUnavailable(err), gateway.MatchString(err.Error()):
		return graft.CodeUnavailable
	}
	return graft.CodeUpstream
}

// gateway finds, in the client's words, the answers of a proxy before Docker
// that does not reach it.
var gateway = regexp.MustCompile(`request returned 50[234] `)

// words returns what Docker said, without what the client put before it.
func words(err error) string {
	return strings.TrimSpace(strings.TrimPrefix(err.Error(), "Error response from daemon: "))
}

// hostPorts find the port in what the versions of Docker say about one that is
// taken.
var hostPorts = []*regexp.Regexp{
	regexp.MustCompile(`:(\d+) failed: port is already allocated`),
	regexp.MustCompile(`listen (?:tcp|udp|sctp)[46]? \S*:(\d+): bind: address already in use`),
	regexp.MustCompile(`failed to bind host port (?:for )?\S*?:(\d+)[/:]`),
}

// portTaken returns the host port that err says is taken, "" for another
// error, and "?" if Docker did not say which.
func portTaken(err error) string {
	text := err.Error()
	if !strings.Contains(text, "port is already allocated") && !strings.Contains(text, "address already in use") {
		return ""
	}
	for _, r := range hostPorts {
		if match := r.FindStringSubmatch(text); match != nil {
			return match[1]
		}
	}
	return "?"
}

// startFailed explains why a container did not start.
func (d *Driver) startFailed(api *client.Client, err error, id string) error {
	if port := portTaken(err); port == "?" {
		return graft.Errorf(graft.CodeConflict,
			"container %q can't start: one of its host ports is already in use: free it or choose another (%s)", id, words(err))
	} else if port != "" {
		return graft.Errorf(graft.CodeConflict,
			"container %q can't start: host port %s is already in use: free it or choose another", id, port)
	}
	if addressTaken(err) {
		return graft.Errorf(graft.CodeConflict, "container %q can't start: its address on one of its networks is already in use: free it", id)
	}
	if text := words(err); strings.Contains(text, "OCI runtime") || strings.Contains(text, "executable file not found") {
		return graft.Errorf(graft.CodeInvalid,
			"container %q can't start: the runtime does not accept its command, mounts or limits: %s", id, text)
	}
	if strings.HasSuffix(words(err), "id already in use") {
		// A daemon that was killed, and runs again, cleans up what it had begun.
		return graft.WrapError(graft.CodeUnavailable, err, "container %q can't start yet: Docker has not cleaned up after it was killed", id)
	}
	return d.failed(api, err, "container %q can't start", id)
}
