package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/graftplatform/graft"
)

const namesPath = "/api/v1/marketplace/names"

// Name returns whose a name is and what there is of it.
func (c *Client) Name(ctx context.Context, name string) (*graft.Name, error) {
	path, err := namePath(name)
	if err != nil {
		return nil, err
	}
	return c.name(ctx, get(Marketplace, path, nil))
}

// SetPublisher gives a name to another publisher.
func (c *Client) SetPublisher(ctx context.Context, name, publisher string) (*graft.Name, error) {
	path, err := namePath(name)
	if err != nil {
		return nil, err
	}
	return c.name(ctx, send(Marketplace, http.MethodPatch, path, fieldBody("publisher", publisher)))
}

func (c *Client) name(ctx context.Context, r request) (*graft.Name, error) {
	var n graft.Name
	if _, err := c.call(ctx, r, &n); err != nil {
		return nil, err
	}
	return &n, nil
}

// Versions returns the versions of an addon, the highest first.
func (c *Client) Versions(ctx context.Context, name string) ([]graft.Version, error) {
	path, err := namePath(name)
	if err != nil {
		return nil, err
	}
	r := get(Marketplace, path+"/versions", nil)
	r.limit = maxList
	var versions []graft.Version
	_, err = c.call(ctx, r, &versions)
	return versions, err
}

// Choose returns the approved addon that a version, a range of versions such as
// ^1.2, or "latest" chooses.
func (c *Client) Choose(ctx context.Context, name, versionRange string) (*graft.Addon, error) {
	wanted, err := graft.ParseVersionRange(versionRange)
	if err != nil {
		return nil, err
	}
	path, err := namePath(name)
	if err != nil {
		return nil, err
	}
	return c.addon(ctx, get(Marketplace, path+"/versions/"+url.PathEscape(wanted.String()), nil), "")
}

// VerifyAgain has an addon verified again.
func (c *Client) VerifyAgain(ctx context.Context, id string) (*graft.Addon, error) {
	return c.act(ctx, http.MethodPost, id, "/verify", nil)
}

// Yank says that a version is not to be installed any more, and why.
func (c *Client) Yank(ctx context.Context, id, message string) (*graft.Addon, error) {
	return c.act(ctx, http.MethodPost, id, "/yank", fieldBody("message", message))
}

// Unyank takes back that a version was yanked.
func (c *Client) Unyank(ctx context.Context, id string) (*graft.Addon, error) {
	return c.act(ctx, http.MethodDelete, id, "/yank", nil)
}

// Deprecate says what those should know who install a version all the same.
func (c *Client) Deprecate(ctx context.Context, id, message string) (*graft.Addon, error) {
	return c.act(ctx, http.MethodPost, id, "/deprecate", fieldBody("message", message))
}

// Undeprecate takes back that a version was deprecated.
func (c *Client) Undeprecate(ctx context.Context, id string) (*graft.Addon, error) {
	return c.act(ctx, http.MethodDelete, id, "/deprecate", nil)
}

// Approve lets an addon be installed that passed its checks.
func (c *Client) Approve(ctx context.Context, id, reason string) (*graft.Addon, error) {
	return c.act(ctx, http.MethodPost, id, "/approve", fieldBody("reason", reason))
}

// Reject keeps an addon from being installed.
func (c *Client) Reject(ctx context.Context, id, reason string) (*graft.Addon, error) {
	return c.act(ctx, http.MethodPost, id, "/reject", fieldBody("reason", reason))
}

// ApproveWith is Approve for an addon that was looked at: CodeConflict if its
// revision is another one by now.
func (c *Client) ApproveWith(ctx context.Context, id string, request graft.ReviewRequest) (*graft.Addon, error) {
	return c.review(ctx, id, "/approve", request)
}

// RejectWith is Reject for an addon that was looked at: CodeConflict if its
// revision is another one by now.
func (c *Client) RejectWith(ctx context.Context, id string, request graft.ReviewRequest) (*graft.Addon, error) {
	return c.review(ctx, id, "/reject", request)
}

func (c *Client) review(ctx context.Context, id, what string, request graft.ReviewRequest) (*graft.Addon, error) {
	body, err := json.Marshal(request)
	if err != nil {
		panic(err) // strings and numbers can be encoded
	}
	return c.act(ctx, http.MethodPost, id, what, body)
}

// act does something with an addon, and returns it as it is then.
func (c *Client) act(ctx context.Context, method, id, what string, body []byte) (*graft.Addon, error) {
	path, err := idPath(addonsPath, "addon", id)
	if err != nil {
		return nil, err
	}
	return c.addon(ctx, send(Marketplace, method, path+what, body), id)
}

// namePath is the path of a name. One that can't be one is not sent: it would
// lead to other paths.
func namePath(name string) (string, error) {
	if name == "" || name == "." || name == ".." {
		return "", graft.Errorf(graft.CodeNotFound, "no addon is called %q", name)
	}
	return namesPath + "/" + url.PathEscape(name), nil
}

// fieldBody is an object with one field.
func fieldBody(name, value string) []byte {
	body, err := json.Marshal(map[string]string{name: value})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return body
}
