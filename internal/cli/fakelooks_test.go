package cli

import (
	"net/http"
	"slices"

	"github.com/graftplatform/graft"
)

// handleLooks adds what people look at.
func (f *fakeAPI) handleLooks(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/stats", f.stats)
	mux.HandleFunc("POST /sign-in/link", func(w http.ResponseWriter, _ *http.Request) {
		send(w, 201, map[string]string{"url": "/sign-in/link?code=abc"})
	})
}

// stats has one service of each installation, the last one first, of which the
// first one may have so much memory only.
func (f *fakeAPI) stats(w http.ResponseWriter, _ *http.Request) {
	usage := []graft.ServiceUsage{}
	for n, i := range slices.Backward(f.installations) {
		u := graft.ServiceUsage{InstallationID: i.ID, Service: i.Services[0].Name, ContainerID: "c", CPUs: 1.25, Memory: 3 << 19}
		if n == 0 {
			u.MemoryLimit = 64 << 20
		}
		usage = append(usage, u)
	}
	send(w, 200, usage)
}
