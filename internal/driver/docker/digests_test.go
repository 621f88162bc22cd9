package docker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/docker"
	"github.com/moby/moby/client"
)

// Containers of one image cost one more call altogether.
func TestDigestsAreAskedForOnce(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.start()
	d, spec := setUp(t, docker.Options{Host: p.host()})
	api := dockertest.Client(t)
	byTag := strings.Replace(strings.Split(spec.Image, "@")[0], "/app", "/other", 1) + ":1"
	if _, err := api.ImageTag(t.Context(), client.ImageTagOptions{Source: spec.Image, Target: byTag}); err != nil {
		t.Fatal(err)
	}
	refs := map[string]bool{}
	for name, image := range map[string]string{"a": spec.Image, "b": spec.Image, "c": byTag} {
		spec := spec
		spec.Name += name
		spec.Image = image
		refs[create(t, d, spec)] = true
	}
	for n, want := range []int{1, 0} {
		p.count("")
		snapshot, err := d.Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		imageID := ""
		for _, c := range snapshot.Containers {
			if !refs[c.ID] {
				continue
			}
			imageID = c.ImageID
			if c.ImageDigest != spec.Image {
				t.Errorf("digest of %s is %q, want %q", c.Image, c.ImageDigest, spec.Image)
			}
		}
		if got := p.count("GET /images/" + imageID + "/json"); got != want {
			t.Errorf("observation %d asked for the image %d times, want %d", n, got, want)
		}
	}
}

// An image that was built here is not asked for every time, and gets a digest
// when it is pushed.
func TestImageWithoutDigest(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.start()
	d, spec := setUp(t, docker.Options{Host: p.host()})
	api := dockertest.Client(t)
	tag := strings.Split(spec.Image, "@")[0] + ":local"
	image, err := api.ContainerCommit(t.Context(), create(t, d, spec), client.ContainerCommitOptions{Reference: tag})
	if err != nil {
		t.Fatal(err)
	}
	spec.Name, spec.Image = spec.Name+"2", tag
	id := create(t, d, spec)
	connected := make(chan struct{})
	go func() { _ = d.Watch(t.Context(), time.Time{}, func() { close(connected) }, func(driver.Event) {}) }()
	<-connected
	observe := func() (digest string, asked int) {
		t.Helper()
		p.count("")
		snapshot, err := d.Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(snapshot.Containers, func(c driver.Container) bool { return c.ID == id })
		return snapshot.Containers[i].ImageDigest, p.count("GET /images/" + image.ID + "/json")
	}
	// The events of other tests may spoil one.
	eventually(t, "an image without digest is not asked for", func() bool {
		digest, asked := observe()
		if digest != "" {
			t.Errorf("digest is %q, want none", digest)
		}
		return asked == 0
	})
	pushed, err := api.ImagePush(t.Context(), tag, client.ImagePushOptions{RegistryAuth: "e30="})
	if err == nil {
		err = pushed.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	repository := strings.TrimSuffix(tag, ":local")
	eventually(t, "an image that was pushed has a digest", func() bool { // its event may take a moment
		digest, _ := observe()
		return strings.HasPrefix(digest, repository+"@sha256:")
	})
}

// Somebody removed the name of the image, which has another one.
func TestRecreateNamesTheImageAgain(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	api := dockertest.Client(t)
	digest := spec.Image
	tag := strings.Split(digest, "@")[0] + ":named"
	for _, target := range []string{tag, strings.Split(digest, "@")[0] + "/other:1"} {
		if _, err := api.ImageTag(t.Context(), client.ImageTagOptions{Source: digest, Target: target}); err != nil {
			t.Fatal(err)
		}
	}
	spec.Image = tag
	create(t, d, spec)
	e := &existing{t: t, api: api, driver: d, name: spec.Name}
	was := e.inspect()
	record := e.remove(false)
	removeImage(t, tag)
	got := e.recreate(record)
	if got.Config.Image != tag || got.Image != was.Image {
		t.Errorf("the image is %s (%s), want %s (%s)", got.Config.Image, got.Image, tag, was.Image)
	}

	// The name leads to another image by now, and is left to it.
	e.remove(false)
	other := dockertest.NewImage(t)
	e.must(d.Pull(t.Context(), other.Ref, nil))
	_, err := api.ImageTag(t.Context(), client.ImageTagOptions{Source: other.Ref, Target: tag})
	e.must(err)
	if got = e.recreate(record); got.Image != was.Image || got.Config.Image != was.Image {
		t.Errorf("the image is %s (%s), want the id %s as both", got.Config.Image, got.Image, was.Image)
	}
}
