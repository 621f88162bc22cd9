package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/graftplatform/graft"
)

const (
	installationsPath = "/api/v1/addons"
	componentsPath    = "/api/v1/components"
	versionPath       = "/api/v1/version"
)

// Version is which Graft a server runs.
type Version struct {
	Version string      `json:"version"`
	Plane   graft.Plane `json:"plane,omitempty"`
}

// Install asks the engine for an addon of the marketplace.
func (c *Client) Install(ctx context.Context, marketplaceID string) (*graft.Installation, error) {
	return c.InstallWith(ctx, graft.InstallRequest{MarketplaceID: marketplaceID})
}

// InstallWith is Install with everything that can be said about it.
// graft.CodeConflict says, among others, that the plan is not the one that the
// request agrees to any more; then nothing was installed. graft.CodeConsent says
// that the request has to agree to the error's Rights: graft.GrantsFor makes the
// consent of them.
func (c *Client) InstallWith(ctx context.Context, request graft.InstallRequest) (*graft.Installation, error) {
	body, err := installBody(request)
	if err != nil {
		return nil, err
	}
	return c.installation(ctx, send(Engine, http.MethodPost, installationsPath, body), "")
}

// PlanInstall returns what Install would do, and does nothing.
func (c *Client) PlanInstall(ctx context.Context, marketplaceID string) (*graft.Plan, error) {
	return c.PlanInstallWith(ctx, graft.InstallRequest{MarketplaceID: marketplaceID})
}

// PlanInstallWith returns what InstallWith would do, and does nothing.
func (c *Client) PlanInstallWith(ctx context.Context, request graft.InstallRequest) (*graft.Plan, error) {
	body, err := installBody(request)
	if err != nil {
		return nil, err
	}
	return c.dryRun(ctx, send(Engine, http.MethodPost, installationsPath, body))
}

func (c *Client) dryRun(ctx context.Context, r request) (*graft.Plan, error) {
	r.query = url.Values{"dry_run": {"true"}}
	var plan graft.Plan
	if _, err := c.call(ctx, r, &plan); err != nil {
		return nil, err
	}
	return &plan, nil
}

// Upgrade asks for another version of an installation's addon, be it newer or
// older: that with the request's marketplace id. If it does not come up, the one
// that ran before comes back by itself, as the installation's Details.Upgrade tells.
// Errors are those of InstallWith; consent is only asked for to what is new.
func (c *Client) Upgrade(ctx context.Context, id string, request graft.InstallRequest) (*graft.Installation, error) {
	r, err := upgradeRequest(id, request)
	if err != nil {
		return nil, err
	}
	return c.installation(ctx, r, id)
}

// PlanUpgrade returns what Upgrade would do, and does nothing.
func (c *Client) PlanUpgrade(ctx context.Context, id string, request graft.InstallRequest) (*graft.Plan, error) {
	r, err := upgradeRequest(id, request)
	if err != nil {
		return nil, err
	}
	return c.dryRun(ctx, r)
}

func upgradeRequest(id string, wanted graft.InstallRequest) (request, error) {
	path, err := idPath(installationsPath, "installation", id)
	if err != nil {
		return request{}, err
	}
	body, err := installBody(wanted)
	return send(Engine, http.MethodPatch, path, body), err
}

func installBody(request graft.InstallRequest) ([]byte, error) {
	id, ok := graft.ParseID(request.MarketplaceID)
	if !ok {
		return nil, graft.Errorf(graft.CodeNotFound, "there is no addon %q in the marketplace: ids have 24 hex digits", request.MarketplaceID)
	}
	request.MarketplaceID = id
	return json.Marshal(request)
}

// Installations returns the installations in that status, all of them when it
// is empty.
func (c *Client) Installations(ctx context.Context, status graft.InstallationStatus) ([]graft.Installation, error) {
	query := url.Values{}
	if status != "" {
		query.Set("status", string(status))
	}
	r := get(Engine, installationsPath, query)
	r.limit = maxList
	var installations []graft.Installation
	if _, err := c.call(ctx, r, &installations); err != nil {
		return nil, err
	}
	return installations, nil
}

// Installation returns one installation.
func (c *Client) Installation(ctx context.Context, id string) (*graft.Installation, error) {
	path, err := idPath(installationsPath, "installation", id)
	if err != nil {
		return nil, err
	}
	return c.installation(ctx, get(Engine, path, nil), id)
}

// WaitInstallation returns the installation as soon as its revision is beyond
// since, or as it is after half a minute. graft.CodeNotFound says that it was
// removed.
func (c *Client) WaitInstallation(ctx context.Context, id string, since int64) (*graft.Installation, error) {
	path, err := idPath(installationsPath, "installation", id)
	if err != nil {
		return nil, err
	}
	return poll(ctx, func(ctx context.Context) (*graft.Installation, int64, error) {
		i, err := c.installation(ctx, long(get(Engine, path, nil), since), id)
		if err != nil {
			return nil, 0, err
		}
		return i, i.Revision, nil
	}, since)
}

// Disable asks for the addon's containers to be removed, and for the components
// that it replaced to come back. The installation itself stays.
func (c *Client) Disable(ctx context.Context, id string) (*graft.Installation, error) {
	return c.patch(ctx, id, graft.StatusDisabling)
}

// Enable undoes Disable.
func (c *Client) Enable(ctx context.Context, id string) (*graft.Installation, error) {
	return c.patch(ctx, id, graft.StatusInstalling)
}

func (c *Client) patch(ctx context.Context, id string, status graft.InstallationStatus) (*graft.Installation, error) {
	path, err := idPath(installationsPath, "installation", id)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]graft.InstallationStatus{"status": status})
	if err != nil {
		return nil, graft.WrapError(graft.CodeInternal, err, "the request can't be written")
	}
	return c.installation(ctx, send(Engine, http.MethodPatch, path, body), id)
}

// Delete removes a disabled installation, and reports true. One that is not
// disabled is only asked to be, as by Disable: delete it again afterwards.
func (c *Client) Delete(ctx context.Context, id string) (removed bool, err error) {
	path, err := idPath(installationsPath, "installation", id)
	if err != nil {
		return false, err
	}
	var i graft.Installation
	status, err := c.call(ctx, send(Engine, http.MethodDelete, path, nil), &i)
	return status == http.StatusNoContent, err
}

// Plan returns what the engine would do next for an installation.
func (c *Client) Plan(ctx context.Context, id string) (*graft.Plan, error) {
	path, err := idPath(installationsPath, "installation", id)
	if err != nil {
		return nil, err
	}
	var plan graft.Plan
	if _, err := c.call(ctx, get(Engine, path+"/plan", nil), &plan); err != nil {
		return nil, err
	}
	return &plan, nil
}

// Components returns the containers of the orchestrator that plugins can
// replace.
func (c *Client) Components(ctx context.Context) ([]graft.Component, error) {
	r := get(Engine, componentsPath, nil)
	r.limit = maxList
	var components []graft.Component
	if _, err := c.call(ctx, r, &components); err != nil {
		return nil, err
	}
	return components, nil
}

// Version asks a server which version it is.
func (c *Client) Version(ctx context.Context, server Server) (*Version, error) {
	var v Version
	if _, err := c.call(ctx, get(server, versionPath, nil), &v); err != nil {
		return nil, err
	}
	return &v, nil
}

// installation sends r and checks that the answer is an installation, and the
// one of that id unless id is empty.
func (c *Client) installation(ctx context.Context, r request, id string) (*graft.Installation, error) {
	var i graft.Installation
	if _, err := c.call(ctx, r, &i); err != nil {
		return nil, err
	}
	if _, ok := graft.ParseID(i.ID); !ok || id != "" && !strings.EqualFold(i.ID, id) {
		return nil, graft.Errorf(graft.CodeUpstream, "the %s answers with something else than that installation: check its URL", c.where(r.server))
	}
	return &i, nil
}
