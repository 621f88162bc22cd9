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
	statsPath         = "/api/v1/stats"
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

// Delete removes a disabled installation with its data, and reports true. One that
// is not disabled is only asked to be, as by Disable: delete it again afterwards.
func (c *Client) Delete(ctx context.Context, id string) (removed bool, err error) {
	return c.delete(ctx, id, nil)
}

// Uninstall disables an installation and removes it, its volumes, too, unless its
// data is to be kept: then the next installation of an addon of its name takes them
// over. It reports true when that is done; else the engine is at it, which can't be
// taken back: WaitInstallation tells how it goes on, up to graft.CodeNotFound. To
// keep data it asks for the plan first, as an engine that can't would remove it:
// errors of PlanRemoval say that nothing was done.
func (c *Client) Uninstall(ctx context.Context, id string, keepData bool) (removed bool, err error) {
	query := url.Values{"uninstall": {"true"}}
	if keepData {
		if _, err := c.PlanRemoval(ctx, id, true); err != nil {
			return false, err
		}
		query.Set("keep_data", "true")
	}
	return c.delete(ctx, id, query)
}

func (c *Client) delete(ctx context.Context, id string, query url.Values) (removed bool, err error) {
	path, err := idPath(installationsPath, "installation", id)
	if err != nil {
		return false, err
	}
	r := send(Engine, http.MethodDelete, path, nil)
	r.query = query
	var i graft.Installation
	status, err := c.call(ctx, r, &i)
	return status == http.StatusNoContent, err
}

// PlanRemoval returns what it would lead to just now to disable an installation and
// then delete it, with its data or keeping that, and does nothing: Volumes are those
// that would be removed or kept. graft.CodeUpstream says that the engine is too old
// for that, graft.CodeUnavailable that the runtime is away.
func (c *Client) PlanRemoval(ctx context.Context, id string, keepData bool) (*graft.Plan, error) {
	path, err := idPath(installationsPath, "installation", id)
	if err != nil {
		return nil, err
	}
	query := url.Values{"uninstall": {"true"}}
	if keepData {
		query.Set("keep_data", "true")
	}
	var plan graft.Plan
	if _, err := c.call(ctx, get(Engine, path+"/plan", query), &plan); err != nil {
		return nil, err
	}
	if plan.Volumes == nil {
		return nil, graft.Errorf(graft.CodeUpstream, "the %s is too old to keep an addon's data, or to say what becomes of it: bring it up to date first", c.where(Engine))
	}
	return &plan, nil
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

// Stats returns what the containers of the installed addons use just now, of those
// that run and can be asked. Who asks within a second of another is given the same
// answer; the first one takes half a second. graft.CodeNotFound says that this
// engine can't tell.
func (c *Client) Stats(ctx context.Context) ([]graft.ServiceUsage, error) {
	r := get(Engine, statsPath, nil)
	r.limit = maxList
	var usage []graft.ServiceUsage
	if _, err := c.call(ctx, r, &usage); err != nil {
		return nil, err
	}
	return usage, nil
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
