// Package probe asks a container from outside whether it works.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/graftplatform/graft"
)

const (
	defaultPath = "/"
	// The statuses that are good when a probe names none.
	minStatus = 200
	maxStatus = 399
	// maxHeader bounds what is read of an answer, and snippet what is shown of
	// one that is no good.
	maxHeader = 64 << 10
	snippet   = 127
)

// Check asks a container that has these addresses once, and returns nil if it
// works. It tries one address after the other until one works. How long that
// may take is up to ctx: no address takes more than its share of the time to
// connect. The error has CodeUnavailable and says for people what went wrong,
// at every address.
func Check(ctx context.Context, addresses []string, p *graft.Probe) error {
	ask := askTCP
	var port uint16
	switch {
	case p.HTTP != nil:
		ask, port = askHTTP(p.HTTP), p.HTTP.Port
	case p.TCP != nil:
		port = p.TCP.Port
	default:
		return graft.Errorf(graft.CodeUnavailable, "the probe has neither http nor tcp")
	}
	if len(addresses) == 0 {
		return graft.Errorf(graft.CodeUnavailable, "the container has no address: it is on no network")
	}
	var failures []string
	for i, address := range addresses {
		dialer := &net.Dialer{Timeout: share(ctx, len(addresses)-i), KeepAlive: -1}
		err := ask(ctx, dialer, net.JoinHostPort(address, strconv.Itoa(int(port))))
		if err == nil {
			return nil
		}
		failures = append(failures, err.Error())
		if ctx.Err() != nil {
			break
		}
	}
	return graft.Errorf(graft.CodeUnavailable, "%s", strings.Join(failures, "; "))
}

// share is how much of the time that is left one of n addresses gets; zero when
// there is no end to it.
func share(ctx context.Context, n int) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(deadline)/time.Duration(n), time.Millisecond)
}

func askTCP(ctx context.Context, dialer *net.Dialer, address string) error {
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("TCP %s: %s", address, cause(err))
	}
	return conn.Close()
}

func askHTTP(p *graft.HTTPProbe) func(context.Context, *net.Dialer, string) error {
	return func(ctx context.Context, dialer *net.Dialer, address string) error {
		path := p.Path
		if path == "" {
			path = defaultPath
		}
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return fmt.Errorf("GET %s: it is not a path", strconv.Quote(path))
		}
		u.Scheme, u.Host = "http", address
		if err := get(ctx, dialer, u.String(), p.Status); err != nil {
			return fmt.Errorf("GET %s: %w", u, err)
		}
		return nil
	}
}

// get makes one request on a connection of its own, past any proxy: it is the
// container's address that is asked.
func get(ctx context.Context, dialer *net.Dialer, address string, status int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "graft-probe")
	transport := &http.Transport{
		DialContext:            dialer.DialContext,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
	response, err := transport.RoundTrip(request) // follows no redirects
	if err != nil {
		return errors.New(cause(err))
	}
	defer func() { _ = response.Body.Close() }() // nothing is lost with it
	got := response.StatusCode
	if got == status || status == 0 && got >= minStatus && got <= maxStatus {
		return nil
	}
	return badStatus(response, status)
}

// badStatus says what was answered, and the beginning of the text with it.
func badStatus(response *http.Response, status int) error {
	want := ""
	if status != 0 {
		want = fmt.Sprintf(", not %d", status)
	}
	// What can't be read is not shown.
	body, _ := io.ReadAll(io.LimitReader(response.Body, snippet))
	text := fmt.Sprintf("answered %d%s", response.StatusCode, want)
	if shown := printable(string(body)); shown != "" {
		text += ": " + shown
	}
	return errors.New(text)
}

// cause says why there was no answer, without what the message says already.
func cause(err error) string {
	var errno syscall.Errno
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed without an answer"
	}
	// It may quote what the container sent.
	return printable(err.Error()[:min(len(err.Error()), snippet)])
}

// printable makes one line of text that anybody may have written.
func printable(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}
