// Package registry is the built-in image registry: the push and pull parts of
// the OCI distribution specification over files in one directory, for authors
// and for sites without another registry.
//
//	blobs/sha256/ab/abcd…                    content, shared by all repositories
//	repositories/<name>/_manifests/<hex>     media type, newline, manifest
//	repositories/<name>/_tags/<tag>          the digest that it points to
//	uploads/                                 what is not complete yet
//
// A file gets its name only when it is complete, verified and on the disk, so
// that a crash leaves nothing half-done but files in uploads/, which are removed
// at the next start.
package registry

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/graftplatform/graft"
)

// Registry is a http.Handler for everything below /v2/. Its server must leave
// uploads the time that they take: no ReadTimeout, only one for headers, and a
// read deadline that is put off as long as bodies go on.
type Registry struct {
	dir     string
	log     *slog.Logger
	routes  []route
	uploads uploads
	// names guards manifests and tags: what a change checks must still hold
	// when it is made.
	names sync.RWMutex
}

// New opens the registry in dir, which is made if it does not exist. One process
// at a time may use a directory.
func New(dir string, log *slog.Logger) (*Registry, error) {
	r := &Registry{dir: dir, log: log, uploads: uploads{open: map[string]*upload{}}}
	r.routes = r.newRoutes()
	err := os.RemoveAll(r.uploadsDir())
	for _, sub := range []string{r.uploadsDir(), r.repositoriesDir(), filepath.Join(dir, "blobs", "sha256")} {
		if err == nil {
			err = os.MkdirAll(sub, 0o700)
		}
	}
	if err != nil {
		return nil, graft.WrapError(graft.CodeForbidden, err,
			"The registry's directory %s can't be used. Give this user the right to write there, or choose another --data-dir.", dir)
	}
	return r, nil
}

func (r *Registry) uploadsDir() string      { return filepath.Join(r.dir, "uploads") }
func (r *Registry) repositoriesDir() string { return filepath.Join(r.dir, "repositories") }

// Close gives up all uploads that are not complete.
func (r *Registry) Close() error { return r.uploads.close() }

// What a path may consist of; none of it can lead out of the directory.
const (
	namePattern   = `([a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)`
	tagPattern    = `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
	digestPattern = `sha256:[a-f0-9]{64}`
	maxName       = 255
)

// route is one kind of path, with what answers each method.
type route struct {
	path    *regexp.Regexp // groups: repository, then the reference if there is one
	methods map[string]handler
}

// handler answers one request about a repository and a reference in it.
type handler func(w http.ResponseWriter, r *http.Request, repository, reference string) error

func (r *Registry) newRoutes() []route {
	path := func(pattern string) *regexp.Regexp { return regexp.MustCompile(`^/v2/` + pattern + `$`) }
	return []route{
		{path(``), map[string]handler{"GET": r.ping, "HEAD": r.ping}},
		{path(`_catalog`), map[string]handler{"GET": r.catalog, "HEAD": r.catalog}},
		{path(namePattern + `/tags/list`), map[string]handler{"GET": r.listTags, "HEAD": r.listTags}},
		{path(namePattern + `/manifests/(` + tagPattern + `|` + digestPattern + `)`), map[string]handler{
			"GET": r.getManifest, "HEAD": r.getManifest, "PUT": r.putManifest, "DELETE": r.deleteManifest,
		}},
		{path(namePattern + `/blobs/(` + digestPattern + `)`), map[string]handler{
			"GET": r.getBlob, "HEAD": r.getBlob,
		}},
		{path(namePattern + `/blobs/uploads/?`), map[string]handler{"POST": r.startUpload}},
		{path(namePattern + `/blobs/uploads/([a-f0-9]{32})`), map[string]handler{
			"GET": r.statUpload, "PATCH": r.appendUpload, "PUT": r.finishUpload, "DELETE": r.cancelUpload,
		}},
	}
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := r.serve(w, request); err != nil {
		r.fail(w, request, err)
	}
}

func (r *Registry) serve(w http.ResponseWriter, request *http.Request) error {
	path := request.URL.Path
	if path == "/v2" {
		path = "/v2/"
	}
	for _, route := range r.routes {
		groups := route.path.FindStringSubmatch(path)
		if groups == nil {
			continue
		}
		handle, ok := route.methods[request.Method]
		if !ok {
			return methodNotAllowed(route.methods)
		}
		groups = append(groups, "", "") // paths without repository or reference
		if len(groups[1]) > maxName {
			return invalidName()
		}
		return handle(w, request, groups[1], groups[2])
	}
	if strings.Contains(path, "/blobs/") || strings.Contains(path, "/manifests/") || strings.Contains(path, "/tags/") {
		return invalidName()
	}
	return unknownPath()
}

func (r *Registry) ping(w http.ResponseWriter, _ *http.Request, _, _ string) error {
	return writeJSON(w, struct{}{})
}
