package verify_test

import (
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/graftplatform/graft/internal/registrytest"
)

// sizeOf is what a pull of an image transfers, as its manifest says.
func sizeOf(t *testing.T, image v1.Image) int64 {
	t.Helper()
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	size := manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	return size
}

// indexOf makes an index of one image for each platform.
func indexOf(t *testing.T, platforms ...v1.Platform) (v1.ImageIndex, map[string]int64) {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	sizes := map[string]int64{}
	for _, p := range platforms {
		image := registrytest.Image(t, p.String())
		sizes[p.String()] = sizeOf(t, image)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &p}})
	}
	return index, sizes
}

// counting makes a registry that counts the manifests that are asked for. fail,
// if not nil, answers instead of it.
func counting(t *testing.T, fail func(w http.ResponseWriter, n int64) bool) (string, *atomic.Int64) {
	t.Helper()
	var manifests atomic.Int64
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/") {
			if n := manifests.Add(1); fail != nil && fail(w, n) {
				return
			}
		}
		inner.ServeHTTP(w, r)
	}), &manifests
}

func TestSizesOfAnIndex(t *testing.T) {
	t.Parallel()
	host, manifests := counting(t, nil)
	index, want := indexOf(t, v1.Platform{OS: "linux", Architecture: "amd64"}, v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"})
	registrytest.Push(t, host+"/web:1", index)
	manifests.Store(0)
	result, err := resolve(t, host+"/web:1")
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(result.Sizes, want) {
		t.Errorf("sizes are %v, want %v", result.Sizes, want)
	}
	if n := manifests.Load(); n != 3 {
		t.Errorf("%d manifests were asked for, want the index and one for each platform", n)
	}
}

// An index may list any number of platforms; not all of them are asked for.
func TestSizesAreBounded(t *testing.T) {
	t.Parallel()
	host, manifests := counting(t, nil)
	var platforms []v1.Platform
	for i := range 40 {
		platforms = append(platforms, v1.Platform{OS: "linux", Architecture: fmt.Sprintf("cpu%d", i)})
	}
	index, _ := indexOf(t, platforms...)
	registrytest.Push(t, host+"/web:1", index)
	manifests.Store(0)
	result, err := resolve(t, host+"/web:1")
	if err != nil || len(result.Platforms) != 40 || len(result.Sizes) != 16 || manifests.Load() != 17 {
		t.Errorf("%d platforms, %d sizes, %d manifests, %v", len(result.Platforms), len(result.Sizes), manifests.Load(), err)
	}
}

// A size that can't be found out keeps no image from being verified.
func TestSizesMayBeMissing(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(http.ResponseWriter){
		"busy":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) },
		"missing": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"broken":  func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var armed atomic.Bool
			host, manifests := counting(t, func(w http.ResponseWriter, n int64) bool {
				if armed.Load() && n > 1 {
					fail(w)
					return true
				}
				return false
			})
			index, _ := indexOf(t, v1.Platform{OS: "linux", Architecture: "amd64"})
			registrytest.Push(t, host+"/web:1", index)
			manifests.Store(0)
			armed.Store(true)
			result, err := resolve(t, host+"/web:1")
			if err != nil || len(result.Platforms) != 1 || len(result.Sizes) != 0 {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
}

// Strangers write manifests: numbers that can't be true are no size.
func TestForgedSizes(t *testing.T) {
	t.Parallel()
	const config = `{"os":"linux","architecture":"amd64"}`
	for _, layers := range []string{`[{"size":-1}]`, `[{"size":9223372036854775807}]`, `[{"size":9223372036854775000},{"size":900}]`} {
		host := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "/manifests/"):
				w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
				_, _ = fmt.Fprintf(w, `{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":%s}`,
					types.OCIConfigJSON, digestOfText(config), len(config), layers)
			case strings.Contains(r.URL.Path, "/blobs/"):
				_, _ = io.WriteString(w, config)
			}
		})
		result, err := resolve(t, host+"/web:1")
		if err != nil || len(result.Platforms) != 1 || len(result.Sizes) != 0 {
			t.Errorf("%s: %+v, %v", layers, result, err)
		}
	}
}
