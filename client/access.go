package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/graftplatform/graft"
)

const (
	tokensPath = "/api/v1/tokens" //nolint:gosec // a path, no token
	auditPath  = "/api/v1/audit"
	whoAmIPath = "/api/v1/whoami"
)

// WhoAmI asks a server whose the client's token is, and what its holder may do. A
// server that asks nobody for a token takes everybody for graft.PrincipalAnonymous,
// an admin. graft.CodeUnauthorized says that it does not know the token; servers
// that are older answer graft.CodeNotFound.
func (c *Client) WhoAmI(ctx context.Context, server Server) (*graft.Principal, error) {
	var who graft.Principal
	if _, err := c.call(ctx, get(server, whoAmIPath, nil), &who); err != nil {
		return nil, err
	}
	if who.Name == "" || who.Role == "" {
		return nil, graft.Errorf(graft.CodeUpstream, "the %s does not say who asks: check its URL", c.where(server))
	}
	return &who, nil
}

// CreateToken makes a token on a server. What its holder is to send comes back
// in Secret, this once.
func (c *Client) CreateToken(ctx context.Context, server Server, request graft.TokenRequest) (*graft.IssuedToken, error) {
	body := struct {
		Name      string     `json:"name"`
		Role      graft.Role `json:"role"`
		ExpiresIn string     `json:"expires_in,omitempty"`
	}{Name: request.Name, Role: request.Role}
	if request.Lasts != 0 {
		body.ExpiresIn = request.Lasts.String()
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, graft.WrapError(graft.CodeInvalid, err, "the request can't be written as JSON")
	}
	var issued graft.IssuedToken
	if _, err := c.call(ctx, send(server, http.MethodPost, tokensPath, encoded), &issued); err != nil {
		return nil, err
	}
	return &issued, nil
}

// Tokens returns the tokens of a server, revoked and expired ones included, the
// oldest first.
func (c *Client) Tokens(ctx context.Context, server Server) ([]graft.Token, error) {
	var tokens []graft.Token
	if _, err := c.call(ctx, get(server, tokensPath, nil), &tokens); err != nil {
		return nil, err
	}
	return tokens, nil
}

// RevokeToken ends a token at once.
func (c *Client) RevokeToken(ctx context.Context, server Server, id string) error {
	path, err := idPath(tokensPath, "token", id)
	if err != nil {
		return err
	}
	var nothing any
	_, err = c.call(ctx, send(server, http.MethodDelete, path, nil), &nothing)
	return err
}

// AuditOptions say which entries of an audit log are wanted.
type AuditOptions struct {
	// After is the id after which they begin, 0 for all that are kept; nil: the
	// last ones.
	After *int64
	Limit int // how many at most, up to 1000; 0: 100
}

// Audit returns who changed what on a server, or wanted to, the oldest first.
func (c *Client) Audit(ctx context.Context, server Server, o AuditOptions) ([]graft.AuditEntry, error) {
	query := url.Values{}
	if o.After != nil {
		query.Set("after", strconv.FormatInt(*o.After, 10))
	}
	if o.Limit != 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	var entries []graft.AuditEntry
	if _, err := c.call(ctx, get(server, auditPath, query), &entries); err != nil {
		return nil, err
	}
	return entries, nil
}
