package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/shield"
)

// roleRegistry names the built-in registry, which comes with any role.
const roleRegistry = "registry"

// server is an HTTP server on its listener.
type server struct {
	role        string
	listener    net.Listener
	certificate *certificate // nil: no TLS
	http        *http.Server
}

// Connections that a server holds, and those of each client: more than all that
// it holds open for them on purpose, long polls and streams.
const (
	connectionsAtOnce   = 8192
	connectionsOfClient = 1024
)

// serve answers until the server is shut down.
func (s *server) serve() error {
	connections := shield.NewConnections(connectionsAtOnce, connectionsOfClient)
	s.http.ConnState = connections.State
	s.http.RegisterOnShutdown(connections.CloseWaiting)
	listener := connections.Listen(s.listener)
	if s.certificate != nil {
		return s.http.ServeTLS(listener, "", "") // the certificate is in its TLSConfig
	}
	return s.http.Serve(listener)
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
	scheme := "http://"
	if s.certificate != nil {
		scheme = "https://"
	}
	address, ok := s.listener.Addr().(*net.TCPAddr)
	if ok && address.IP.IsUnspecified() {
		local := *address
		local.IP = net.IPv4(127, 0, 0, 1)
		address = &local
	}
	if !ok {
		return scheme + s.listener.Addr().String()
	}
	return scheme + address.String()
}

// open is whether others than this host reach the server.
func (s *server) open() bool {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	return !ok || !address.IP.IsLoopback()
}

const (
	// bodyTime is how long a request's body may take to arrive.
	bodyTime = 30 * time.Second
	// bodyPause is how long one may pause on its way to or from the registry: images
	// are large and lines can be slow.
	bodyPause = 2 * time.Minute
)

// newHTTPServer bounds what a client can hold. Answers have two minutes, which
// is beyond the longest poll; log streams set their own time.
func newHTTPServer(role string, handler http.Handler, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           boundBody(handler, bodyTime, false),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.With("role", role).Handler(), slog.LevelDebug),
	}
	if role == roleRegistry {
		s.Handler = boundBody(boundAnswer(handler, bodyPause), bodyPause, true)
	} else {
		s.WriteTimeout = 2 * time.Minute
	}
	return s
}

// boundBody gives the body of a request its time: all of it or, if it is slow
// but may go on, the next part of it. Without that, a client that announces a
// body and never sends it keeps its connection for ever, whether a handler wants
// the body or not: the server reads what is left before it answers. It is no
// task for http.Server.ReadTimeout, which would end long polls, too.
func boundBody(next http.Handler, limit time.Duration, slow bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			body := &boundedBody{r.Body, http.NewResponseController(w), limit}
			body.extend()
			if slow {
				r.Body = body
			}
		}
		next.ServeHTTP(w, r)
	})
}

// boundAnswer gives each part of an answer its time: a client that does not read
// what it asked for does not keep its connection for ever.
func boundAnswer(next http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What the answer before on this connection had left is not this one's.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		next.ServeHTTP(&boundedAnswer{w, limit}, r)
	})
}

// boundedAnswer gives each write of an answer a time of its own. It hides that the
// kernel could copy a file: it would do that at once, in whatever time it takes.
type boundedAnswer struct {
	http.ResponseWriter
	limit time.Duration
}

// Unwrap is for http.ResponseController.
func (a *boundedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Write implements io.Writer.
func (a *boundedAnswer) Write(p []byte) (int, error) {
	// A connection without deadlines, such as a test's, has none.
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(a.limit))
	return a.ResponseWriter.Write(p)
}

// boundedBody gives each read of a body a time of its own.
type boundedBody struct {
	io.ReadCloser
	connection *http.ResponseController
	limit      time.Duration
}

func (b *boundedBody) extend() {
	// A connection without deadlines, such as a test's, has none.
	_ = b.connection.SetReadDeadline(time.Now().Add(b.limit))
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	b.extend()
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.connection.SetReadDeadline(time.Time{}) // it is all there
	}
	return n, err
}
