package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
)

// Limits of the questions for sizes. They are good to have, and nothing is
// refused for want of them.
const (
	maxSizes      = 16 // platforms of one index that are asked for
	parallelSizes = 4
)

// size is what a pull of an image transfers at most, from its manifest alone.
// It is false for numbers that can't be true.
func (m *manifest) size() (int64, bool) {
	if m.Config == nil || m.Config.Size < 0 {
		return 0, false
	}
	total := m.Config.Size
	for _, layer := range m.Layers {
		if layer.Size < 0 || layer.Size > math.MaxInt64-total {
			return 0, false
		}
		total += layer.Size
	}
	return total, true
}

// sizes asks for the manifests of an index's images, and for nothing more. Once
// the registry fails to give one it is left alone. It also returns the labels of
// the image for the first platform.
func sizes(ctx context.Context, puller *remote.Puller, repository name.Repository, c contents) (found map[string]int64, labels map[string]string) {
	found = map[string]int64{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelSizes)
	for i, platform := range c.platforms {
		digest := c.images[platform]
		if i >= maxSizes || digest == (v1.Hash{}) {
			continue
		}
		group.Go(func() (err error) {
			defer func() { // nobody else catches it here
				if p := recover(); p != nil {
					err = fmt.Errorf("panic: %v", p)
				}
			}()
			descriptor, err := puller.Get(ctx, repository.Digest(digest.String()))
			if err != nil {
				return err
			}
			if i == 0 {
				labels = labelsOf(descriptor) // nobody reads them before all have ended
			}
			var m manifest
			if json.Unmarshal(descriptor.Manifest, &m) != nil {
				return nil // strangers write manifests
			}
			if size, ok := m.size(); ok {
				mu.Lock()
				found[platform] = size
				mu.Unlock()
			}
			return nil
		})
	}
	_ = group.Wait() // a size that is missing is not known
	return found, labels
}
