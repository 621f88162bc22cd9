package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/graftplatform/graft"
)

// roleRegistry names the built-in registry, which comes with any role.
const roleRegistry = "registry"

// server is an HTTP server on its listener.
type server struct {
	role     string
	listener net.Listener
	http     *http.Server
}

// listen opens the port of a role, so that a port that is taken is found before
// anything else is done.
func listen(ctx context.Context, role, address string) (net.Listener, error) {
	if address == "" {
		return nil, graft.Errorf(graft.CodeInvalid, "the %s has no address to listen on: give one with --%s-listen", role, role)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, graft.Errorf(graft.CodeConflict,
			"%s: address already in use: another graft? Choose with --%s-listen where the %s listens", address, role, role)
	case errors.Is(err, syscall.EACCES):
		return nil, graft.WrapError(graft.CodeForbidden, err,
			"%s: ports below 1024 need more rights: choose another with --%s-listen", address, role)
	}
	return nil, graft.WrapError(graft.CodeInvalid, err,
		"the %s can't listen on %q: give an address of this host as HOST:PORT with --%s-listen", role, address, role)
}

// url is where clients on this host reach the server.
func (s *server) url() string {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	if ok && address.IP.IsUnspecified() {
		local := *address
		local.IP = net.IPv4(127, 0, 0, 1)
		address = &local
	}
	if !ok {
		return "http://" + s.listener.Addr().String()
	}
	return "http://" + address.String()
}

// open is whether others than this host reach the server.
func (s *server) open() bool {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	return !ok || !address.IP.IsLoopback()
}

// newHTTPServer bounds what a client can hold. Answers have two minutes, which
// is beyond the longest poll; log streams set their own time. The registry has
// no bounds for bodies: images are large and lines can be slow.
func newHTTPServer(role string, handler http.Handler, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.With("role", role).Handler(), slog.LevelDebug),
	}
	if role != roleRegistry {
		s.WriteTimeout = 2 * time.Minute
	}
	return s
}
