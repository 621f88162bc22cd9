package docker

import (
	"context"

	"github.com/containerd/errdefs"

	"github.com/graftplatform/graft/internal/driver"
)

var _ driver.ImageChecker = (*Driver)(nil)

// HasImage implements driver.ImageChecker.
func (d *Driver) HasImage(ctx context.Context, image string) (bool, error) {
	api, err := d.connect(ctx)
	if err != nil {
		return false, err
	}
	_, err = api.ImageInspect(ctx, image)
	switch {
	case err == nil:
		return true, nil
	case errdefs.IsNotFound(err):
		return false, nil
	}
	return false, d.failed(api, err, "image %s can't be looked up", image)
}
