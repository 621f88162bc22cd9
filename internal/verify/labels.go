package verify

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Bounds of the labels that are taken from one image. Strangers write them.
const (
	maxLabels     = 64
	maxLabelBytes = 16 << 10 // of keys and values in all
)

// boundLabels returns labels without control characters, in the order of their
// keys, as many as are within the bounds. One that alone is too large is left
// out; nil if none is left.
func boundLabels(labels map[string]string) map[string]string {
	var kept map[string]string
	left := maxLabelBytes
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		name, value := graphic(key), graphic(labels[key])
		if _, twice := kept[name]; name == "" || twice || len(name)+len(value) > left {
			continue
		}
		if len(kept) == maxLabels {
			break
		}
		if kept == nil {
			kept = make(map[string]string)
		}
		kept[name] = value
		left -= len(name) + len(value)
	}
	return kept
}

// graphic drops what can't be seen but can be meant: control characters, and
// those that turn the direction of text around.
func graphic(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
}

// labelsOf asks for the configuration of an index's image. Labels are good to
// have, and nothing is refused for want of them.
func labelsOf(descriptor *remote.Descriptor) map[string]string {
	image, err := descriptor.Image()
	if err != nil {
		return nil
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil
	}
	return boundLabels(file.Config.Labels)
}
