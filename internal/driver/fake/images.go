package fake

import (
	"context"

	"github.com/graftplatform/graft/internal/driver"
)

var _ driver.ImageChecker = (*Driver)(nil)

// HasImage implements driver.ImageChecker.
func (d *Driver) HasImage(ctx context.Context, image string) (present bool, err error) {
	err = d.call(ctx, "has-image", image, func() error {
		present = d.present[image]
		return nil
	})
	return present, err
}
