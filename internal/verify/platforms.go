package verify

import (
	"encoding/json"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/graftplatform/graft"
)

// manifest has what tells an index from a single image.
type manifest struct {
	SchemaVersion int             `json:"schemaVersion"`
	Manifests     []v1.Descriptor `json:"manifests"`
	Config        *v1.Descriptor  `json:"config"`
	Layers        []v1.Descriptor `json:"layers"`
}

// contents is what a reference stands for.
type contents struct {
	platforms []string
	sizes     map[string]int64
	labels    map[string]string
	// images are those of an index, by platform, as long as their sizes are not
	// known.
	images map[string]v1.Hash
}

// contentsOf finds the platforms in an index, or in a single image's
// configuration. Configurations are the only blobs that are ever fetched.
func contentsOf(descriptor *remote.Descriptor, image string) (contents, error) {
	var m manifest
	if err := json.Unmarshal(descriptor.Manifest, &m); err != nil {
		return contents{}, graft.WrapError(graft.CodeUpstream, err, "What the registry has as %s is no image manifest.", image)
	}
	switch {
	case m.SchemaVersion == 1:
		return contents{}, graft.Errorf(graft.CodeInvalid,
			"Image %s has a manifest of the old version 1, which Docker does not run any more. Build and push it again.", image)
	case m.Config != nil:
		file, err := configFile(descriptor, m.Config, image)
		if err != nil {
			return contents{}, err
		}
		own := platform(v1.Platform{OS: file.OS, Architecture: file.Architecture, Variant: file.Variant})
		c := contents{platforms: []string{own}, sizes: map[string]int64{}, labels: boundLabels(file.Config.Labels)}
		if size, ok := m.size(); ok {
			c.sizes[own] = size
		}
		return c, nil
	}
	c := indexContents(m.Manifests)
	if len(c.platforms) == 0 {
		return contents{}, graft.Errorf(graft.CodeInvalid, "Image %s has an index that lists no image for any platform. Build and push it again.", image)
	}
	return c, nil
}

// indexContents leaves out what is no image: attestations have the platform
// unknown/unknown.
func indexContents(manifests []v1.Descriptor) contents {
	c := contents{images: map[string]v1.Hash{}}
	for _, m := range manifests {
		if m.Platform == nil || m.Platform.OS == "unknown" || m.Platform.OS == "" || m.Platform.Architecture == "" {
			continue
		}
		if p := platform(*m.Platform); !slices.Contains(c.platforms, p) {
			c.platforms = append(c.platforms, p)
			c.images[p] = m.Digest
		}
	}
	return c
}

// configFile returns the configuration of a single image, which says its
// platform.
func configFile(descriptor *remote.Descriptor, config *v1.Descriptor, image string) (*v1.ConfigFile, error) {
	if config.MediaType != types.DockerConfigJSON && config.MediaType != types.OCIConfigJSON {
		return nil, graft.Errorf(graft.CodeInvalid,
			"%s is no container image but something else that registries keep (%s).", image, config.MediaType)
	}
	if config.Size > maxResponse {
		return nil, graft.Errorf(graft.CodeInvalid, "Image %s has a configuration of %d bytes; the limit is %d.", image, config.Size, maxResponse)
	}
	single, err := descriptor.Image()
	if err != nil {
		return nil, err
	}
	file, err := single.ConfigFile()
	if err != nil {
		return nil, err
	}
	if file.OS == "" || file.Architecture == "" {
		return nil, graft.Errorf(graft.CodeInvalid, "Image %s does not say which platform it is for. Build and push it again.", image)
	}
	return file, nil
}

// platform writes os/arch[/variant].
func platform(p v1.Platform) string {
	text := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	return text
}
