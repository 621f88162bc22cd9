package client

import (
	"context"

	"github.com/graftplatform/graft"
)

// Ready returns nil when a server can do its work, else why it can't, in the words
// of its checks: of the database, the disk, Docker.
func (c *Client) Ready(ctx context.Context, server Server) error {
	r := get(server, "/readyz", nil)
	r.accept = "application/json"
	var answer struct {
		Status string `json:"status"`
	}
	if _, err := c.call(ctx, r, &answer); err != nil {
		return err
	}
	if answer.Status != "ready" {
		return graft.Errorf(graft.CodeUpstream, "the %s does not say whether it is ready: check its URL", c.where(server))
	}
	return nil
}
