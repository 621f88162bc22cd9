// Package client talks to a Graft marketplace and engine over their HTTP API.
//
//	c, err := client.New(client.Options{
//		Marketplace: "http://127.0.0.1:11102",
//		Engine:      "http://127.0.0.1:11101",
//		Token:       token,
//	})
//	addon, err := c.Publish(ctx, descriptor)
//	for addon.Status == graft.AddonUnderReview && err == nil {
//		addon, err = c.WaitAddon(ctx, addon.ID, addon.Revision)
//	}
//	installation, err := c.Install(ctx, addon.ID)
//
// Every error is a *graft.Error. Its code is the server's; servers that send
// none (those of the old system) have their HTTP status translated. Without an
// answer it is graft.CodeUnavailable, and errors.Is finds the cause, such as
// context.Canceled. An answer that no such server gives is graft.CodeUpstream.
package client

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/graftplatform/graft"
)

// Server is one of the two servers that a Client talks to.
type Server string

// The servers.
const (
	Marketplace Server = "marketplace"
	Engine      Server = "engine"
)

// maxRedirects is how often a request may be sent elsewhere on its own host.
const maxRedirects = 5

// Options say where the servers are and who asks.
type Options struct {
	// Marketplace and Engine are base URLs such as http://127.0.0.1:11102.
	// Either may be empty; the methods that need it then fail.
	Marketplace string
	Engine      string
	// Token is sent to both servers and to no other, whatever they redirect to.
	Token string
	// HTTPClient replaces http.DefaultClient. Its Timeout would cut long polls
	// and log streams short: leave it zero. Redirects are always limited to the
	// same scheme and host.
	HTTPClient *http.Client
	UserAgent  string // empty: graft-client
	// CA has certificates, in PEM, that those of the servers may be signed by,
	// besides the authorities that the system trusts.
	CA []byte
}

// Client is safe for concurrent use.
type Client struct {
	marketplace string
	engine      string
	token       string
	userAgent   string
	http        *http.Client
}

var _ graft.Catalog = (*Client)(nil)

// New checks the options; it sends nothing.
func New(o Options) (*Client, error) {
	c := &Client{token: o.Token, userAgent: o.UserAgent}
	if c.userAgent == "" {
		c.userAgent = "graft-client"
	}
	var err error
	if c.marketplace, err = baseURL(Marketplace, o.Marketplace); err != nil {
		return nil, err
	}
	if c.engine, err = baseURL(Engine, o.Engine); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, graft.Errorf(graft.CodeInvalid, "the token has a space, line break or other character that no token has: check where it comes from")
	}
	hc := http.DefaultClient
	if o.HTTPClient != nil {
		hc = o.HTTPClient
	}
	own := *hc
	if len(o.CA) > 0 {
		if own.Transport, err = trusting(hc.Transport, o.CA); err != nil {
			return nil, err
		}
	}
	own.CheckRedirect = sameHost(hc.CheckRedirect)
	c.http = &own
	return c, nil
}

// baseURL checks a base URL and takes off its trailing slashes.
func baseURL(server Server, base string) (string, error) {
	if base == "" {
		return "", nil
	}
	u, err := url.Parse(base)
	if err != nil {
		// The error of url.Parse repeats the URL, which may hold a password.
		return "", graft.Errorf(graft.CodeInvalid, "the %s's URL can't be read: write it as http://host:port", server)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return "", graft.Errorf(graft.CodeInvalid, "the %s's URL %q is none: write it as http://host:port", server, u.Redacted())
	case u.User != nil:
		return "", graft.Errorf(graft.CodeInvalid, "the %s's URL has a user or password in it: use a token instead", server)
	case u.RawQuery != "" || u.Fragment != "":
		return "", graft.Errorf(graft.CodeInvalid, "the %s's URL %q has a query or fragment: leave it out", server, base)
	}
	return strings.TrimRight(base, "/"), nil
}

// base returns a server's base URL.
func (c *Client) base(server Server) (string, error) {
	base := c.engine
	if server == Marketplace {
		base = c.marketplace
	}
	if base == "" {
		return "", graft.Errorf(graft.CodeInvalid, "this client was not told the %s's URL", server)
	}
	return base, nil
}

// sameHost lets a request be redirected within its scheme and host only: the
// token must not leave the server that it is for.
func sameHost(next func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		from := via[0].URL
		if r.URL.Scheme != from.Scheme || r.URL.Host != from.Host {
			return graft.Errorf(graft.CodeUpstream, "%s://%s redirects to %s://%s: if that is the right server, use its URL",
				from.Scheme, from.Host, r.URL.Scheme, r.URL.Host)
		}
		if len(via) > maxRedirects {
			return graft.Errorf(graft.CodeUpstream, "%s://%s redirects in circles", from.Scheme, from.Host)
		}
		if next != nil {
			return next(r, via)
		}
		return nil
	}
}
