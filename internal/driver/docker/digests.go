package docker

import (
	"context"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// addDigests sets ImageDigest of containers. Only images are asked for that were
// not seen before.
func (d *Driver) addDigests(ctx context.Context, api *client.Client, mark uint64, containers []driver.Container) error {
	byImage := map[string][]string{}
	ids := map[string]bool{}
	var unknown []string
	for _, c := range containers {
		if ids[c.ImageID] || c.ImageID == "" {
			continue
		}
		ids[c.ImageID] = true
		if digests, ok := d.cache.digestsOf(c.ImageID); ok {
			byImage[c.ImageID] = digests
		} else {
			unknown = append(unknown, c.ImageID)
		}
	}
	found := make([][]string, len(unknown))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inspections)
	for i, id := range unknown {
		group.Go(func() (err error) {
			found[i], err = repoDigests(ctx, api, id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, id := range unknown {
		byImage[id] = d.cache.putDigests(mark, id, found[i])
	}
	d.cache.retainImages(ids)
	for i, c := range containers {
		containers[i].ImageDigest = chooseDigest(byImage[c.ImageID], c.Image)
	}
	return nil
}

// repoDigests returns the names by which an image can be pulled, none if it is
// gone.
func repoDigests(ctx context.Context, api *client.Client, id string) ([]string, error) {
	result, err := api.ImageInspect(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	return result.RepoDigests, err
}

// chooseDigest returns the digest that the container was asked for, else one of
// the same repository, else any.
func chooseDigest(digests []string, asked string) string {
	if len(digests) == 0 {
		return ""
	}
	if slices.Contains(digests, asked) {
		return asked
	}
	wanted := repository(asked)
	same := slices.IndexFunc(digests, func(digest string) bool { return wanted != "" && repository(digest) == wanted })
	return digests[max(same, 0)]
}

// repository returns the repository of an image's name in its full form, "" for
// what is no such name.
func repository(ref string) string {
	reference, err := name.ParseReference(ref)
	if err != nil {
		return ""
	}
	return reference.Context().Name()
}
