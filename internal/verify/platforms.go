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
}

// platformsOf finds the platforms in an index, or in a single image's
// configuration, which is the only blob that is ever fetched.
func platformsOf(descriptor *remote.Descriptor, image string) ([]string, error) {
	var m manifest
	if err := json.Unmarshal(descriptor.Manifest, &m); err != nil {
		return nil, graft.WrapError(graft.CodeUpstream, err, "What the registry has as %s is no image manifest.", image)
	}
	switch {
	case m.SchemaVersion == 1:
		return nil, graft.Errorf(graft.CodeInvalid,
			"Image %s has a manifest of the old version 1, which Docker does not run any more. Build and push it again.", image)
	case m.Config != nil:
		return configPlatform(descriptor, m.Config, image)
	}
	platforms := indexPlatforms(m.Manifests)
	if len(platforms) == 0 {
		return nil, graft.Errorf(graft.CodeInvalid, "Image %s has an index that lists no image for any platform. Build and push it again.", image)
	}
	return platforms, nil
}

// indexPlatforms leaves out what is no image: attestations have the platform
// unknown/unknown.
func indexPlatforms(manifests []v1.Descriptor) []string {
	var platforms []string
	for _, m := range manifests {
		if m.Platform == nil || m.Platform.OS == "unknown" || m.Platform.OS == "" || m.Platform.Architecture == "" {
			continue
		}
		if p := platform(*m.Platform); !slices.Contains(platforms, p) {
			platforms = append(platforms, p)
		}
	}
	return platforms
}

func configPlatform(descriptor *remote.Descriptor, config *v1.Descriptor, image string) ([]string, error) {
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
	return []string{platform(v1.Platform{OS: file.OS, Architecture: file.Architecture, Variant: file.Variant})}, nil
}

// platform writes os/arch[/variant].
func platform(p v1.Platform) string {
	text := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	return text
}
