package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

const (
	signInPath = "/sign-in/link" // below the dashboard's URL
	signInTime = 10 * time.Second
	maxSignIn  = 64 << 10 // bytes of an answer
)

// signInLink asks the dashboard for a link that signs in whose the token is.
func (p *program) signInLink(ctx context.Context) (string, error) {
	base, err := dashboardBase(p.flags.dashboardURL())
	if err != nil {
		return "", err
	}
	hc, err := p.dashboardClient()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, signInTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+signInPath, http.NoBody)
	if err != nil {
		return "", graft.WrapError(graft.CodeInvalid, err, "the request can't be made")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent())
	token := p.token.forServer(base, p.flags.dataDir)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := hc.Do(request)
	if err != nil {
		return "", noDashboard(ctx, base, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxSignIn))
	if err != nil {
		return "", noDashboard(ctx, base, err)
	}
	if answer.StatusCode != http.StatusCreated {
		return "", noLink(base, answer.StatusCode, body, token != "")
	}
	return linkOf(base, body)
}

// dashboardBase checks the dashboard's URL and takes off its trailing slashes.
func dashboardBase(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", usagef("the dashboard's URL is none, or has more in it than it should: write it as http://host:port")
	}
	return strings.TrimRight(base, "/"), nil
}

// dashboardClient sends requests to the server that they are for, and to no other
// that this one names: the token is for it alone.
func (p *program) dashboardClient() (*http.Client, error) {
	hc := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ca, err := p.ca()
	if err != nil || ca == nil {
		return hc, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without any
	}
	roots.AppendCertsFromPEM(ca)
	hc.Transport = &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}
	return hc, nil
}

// noDashboard is why no answer came.
func noDashboard(ctx context.Context, base string, err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without method and URL: the message has the URL
	}
	unreached := &client.ConnectionError{Server: "dashboard", URL: base, Err: err}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return graft.WrapError(graft.CodeUnavailable, unreached, "the dashboard at %s did not answer within %v", base, signInTime)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return graft.WrapError(graft.CodeUnavailable, unreached, "the dashboard at %s can't be reached", base)
}

// noLink is why an answer has no link.
func noLink(base string, status int, body []byte, sent bool) error {
	var said struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &said) // what is no JSON says nothing
	switch status {
	case http.StatusUnauthorized:
		if !sent {
			return graft.Errorf(graft.CodeUnauthorized, "the dashboard at %s asks for a token, and there is none", base)
		}
		return graft.Errorf(graft.CodeUnauthorized, "the dashboard at %s does not take the token: %s", base,
			cmp.Or(said.Message, "it knows none like it"))
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return graft.Errorf(graft.CodeUpstream, "what answers at %s signs nobody in by a link: it is an older Graft, or no dashboard\nsee that --dashboard is its URL, or open it in a browser", base)
	}
	code := graft.CodeUpstream
	switch status {
	case http.StatusForbidden:
		code = graft.CodeForbidden
	case http.StatusTooManyRequests:
		code = graft.CodeTooMany
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		code = graft.CodeUnavailable
	}
	return graft.Errorf(code, "the dashboard at %s gives no link: it answers %d %s", base, status,
		cmp.Or(said.Message, http.StatusText(status)))
}

// linkOf returns the link of an answer: a path below the dashboard's URL, for no
// dashboard has reason to send somebody elsewhere.
func linkOf(base string, body []byte) (string, error) {
	var answer struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(body, &answer); err == nil && strings.HasPrefix(answer.URL, "/") && !strings.HasPrefix(answer.URL, "//") {
		if link, err := url.Parse(base + answer.URL); err == nil {
			return link.String(), nil
		}
	}
	return "", graft.Errorf(graft.CodeUpstream, "the dashboard at %s answers something else than a link: see that --dashboard is its URL", base)
}
