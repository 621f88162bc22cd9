package web

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// askTime is how long a server has to say how it is.
const askTime = 5 * time.Second

// about is which versions run, and how the servers are.
type about struct {
	Version string
	Servers []serverState
}

// serverState is how one server is.
type serverState struct {
	Name    client.Server
	Address string // as this browser reaches it
	Version string
	Problem string // why it can't do its work; empty: it can
}

func (d *dashboard) about(w http.ResponseWriter, r *http.Request, s *session) error {
	ctx, cancel := context.WithTimeout(r.Context(), askTime)
	defer cancel()
	shown := about{Version: d.Version}
	addresses := d.addresses(r)
	for _, server := range d.servers() {
		shown.Servers = append(shown.Servers, serverState{Name: server, Address: addresses[string(server)]})
	}
	var all sync.WaitGroup
	for i := range shown.Servers {
		all.Go(func() { shown.Servers[i].ask(ctx, s) })
	}
	all.Wait()
	return d.show(w, r, s, "about", words.About, shown)
}

// ask finds out how a server is.
func (st *serverState) ask(ctx context.Context, s *session) {
	c := s.market
	if st.Name == client.Engine {
		c = s.engine
	}
	version, err := c.Version(ctx, st.Name)
	if err == nil {
		st.Version = version.Version
		err = c.Ready(ctx, st.Name)
	}
	if err != nil {
		st.Problem = reason(err)
	}
}

// addresses are where a browser finds the servers.
func (d *dashboard) addresses(r *http.Request) map[string]string {
	found := map[string]string{string(client.Marketplace): seenFrom(r, d.Marketplace.URL)}
	if d.Engine.URL != "" {
		found[string(client.Engine)] = seenFrom(r, d.Engine.URL)
	}
	return found
}

// seenFrom returns a URL of this host as a browser elsewhere has to write it: with
// the host by which it reached this page.
func seenFrom(r *http.Request, address string) string {
	u, err := url.Parse(address)
	if err != nil || address == "" || r.Host == "" {
		return address
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return address
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(r.Host); err == nil {
		host = name
	}
	u.Host = net.JoinHostPort(strings.Trim(host, "[]"), u.Port())
	return u.String()
}
