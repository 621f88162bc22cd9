package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/graftplatform/graft"
)

const policyPath = "/api/v1/policy"

// Policy returns what the engine lets addons do to its host.
func (c *Client) Policy(ctx context.Context) (*graft.Policy, error) {
	var policy graft.Policy
	if _, err := c.call(ctx, get(Engine, policyPath, nil), &policy); err != nil {
		return nil, err
	}
	return &policy, nil
}

// SetPolicy replaces the engine's policy as a whole and returns it as it is then:
// what it leaves out gets its default.
func (c *Client) SetPolicy(ctx context.Context, policy graft.Policy) (*graft.Policy, error) {
	policy.SetDefaults()
	body, err := json.Marshal(policy)
	if err != nil {
		return nil, graft.WrapError(graft.CodeInternal, err, "the request can't be written")
	}
	var set graft.Policy
	if _, err := c.call(ctx, send(Engine, http.MethodPut, policyPath, body), &set); err != nil {
		return nil, err
	}
	return &set, nil
}
