package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/graftplatform/graft"
)

const (
	answerTimeout = 30 * time.Second // for an answer that the server has at once
	pollTimeout   = 30 * time.Second // how long a server is asked to hold a long poll

	maxDocument = 8 << 20   // one addon or installation
	maxList     = 128 << 20 // all of them
	maxError    = 1 << 20
)

// request is one call of the API.
type request struct {
	server  Server
	method  string
	path    string // escaped
	query   url.Values
	accept  string // empty: JSON or text
	body    []byte
	timeout time.Duration // for the whole answer
	limit   int64         // of the answer's size, in bytes
}

func get(server Server, path string, query url.Values) request {
	return request{
		server: server, method: http.MethodGet, path: path, query: query,
		timeout: answerTimeout, limit: maxDocument,
	}
}

func send(server Server, method, path string, body []byte) request {
	r := get(server, path, nil)
	r.method, r.body = method, body
	return r
}

// call sends r, decodes a good answer into the value that into points to, and
// returns its status. An answer without content leaves into alone.
func (c *Client) call(ctx context.Context, r request, into any) (int, error) {
	status, _, err := c.exchange(ctx, r, into)
	return status, err
}

// exchange is call that returns the answer's header, too.
func (c *Client) exchange(ctx context.Context, r request, into any) (int, http.Header, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, errSlow)
	defer cancel()
	resp, err := c.open(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return resp.StatusCode, resp.Header, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, r.limit+1))
	if err != nil {
		return 0, nil, c.noAnswer(ctx, r, err)
	}
	if int64(len(body)) > r.limit {
		return 0, nil, graft.Errorf(graft.CodeUpstream, "the %s's answer is larger than %d MiB", c.where(r.server), r.limit>>20)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return 0, nil, graft.WrapError(graft.CodeUpstream, err, "the %s answers something else than the API does: check its URL", c.where(r.server))
	}
	return resp.StatusCode, resp.Header, nil
}

// open sends r and returns the answer if it is a good one; its body is open.
func (c *Client) open(ctx context.Context, r request) (*http.Response, error) {
	base, err := c.base(r.server)
	if err != nil {
		return nil, err
	}
	target := base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, graft.WrapError(graft.CodeInvalid, err, "the request can't be made")
	}
	req.Header.Set("Accept", cmp.Or(r.accept, "application/json, text/plain"))
	req.Header.Set("User-Agent", c.userAgent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.noAnswer(ctx, r, err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err != nil {
		return nil, c.noAnswer(ctx, r, err)
	}
	return nil, decodeError(c.where(r.server), resp.StatusCode, body)
}

// errSlow is the cause when a server takes longer than a request's timeout.
var errSlow = errors.New("no answer in time")

// noAnswer makes an Error of what kept an answer from coming.
func (c *Client) noAnswer(ctx context.Context, r request, err error) error {
	var refused *graft.Error
	if errors.As(err, &refused) {
		return refused
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without method and URL: the message has the URL
	}
	base, _ := c.base(r.server)
	unreached := &ConnectionError{Server: r.server, URL: base, Err: err}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errSlow):
		return graft.WrapError(graft.CodeUnavailable, unreached, "the %s did not answer within %v", c.where(r.server), r.timeout)
	case cause != nil:
		return graft.WrapError(graft.CodeUnavailable, cause, "gave up asking the %s", c.where(r.server))
	}
	return graft.WrapError(graft.CodeUnavailable, unreached, "the %s can't be reached", c.where(r.server))
}

// where names a server for people.
func (c *Client) where(server Server) string {
	base, _ := c.base(server)
	return string(server) + " at " + base
}
