package driver

import "context"

// ImageChecker is a Driver that can tell which images are there. Plans say so;
// nothing else depends on it.
type ImageChecker interface {
	// HasImage is whether an image (repository@digest) is present, so that no
	// Pull of it would ask a registry.
	HasImage(ctx context.Context, image string) (bool, error)
}
