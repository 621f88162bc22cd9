package engine

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// publicOf plans an installation under another id, as the next dry run would.
func publicOf(inst *graft.Installation, id string, snapshot driver.Snapshot) *graft.Plan {
	again := *inst
	again.ID = id
	return planFor(worldOf(&again, snapshot), &again).public()
}

// The hash tells plans apart by what they do, not by ids that are random.
func TestPlanHash(t *testing.T) {
	t.Parallel()
	const one, other = "0123456789abcdef01234567", "fedcba9876543210fedcba98"
	inst := installation(t, scheduler)
	snapshot := func(c driver.Container) driver.Snapshot {
		return driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{c}}
	}
	first := publicOf(inst, one, snapshot(component("root_scheduler")))
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(first.Hash) {
		t.Fatalf("hash is %q", first.Hash)
	}
	if len(first.Swaps) == 0 || !strings.Contains(first.Text, incomingInfix) {
		t.Fatalf("no swap in\n%s", first.Text)
	}
	if again := publicOf(inst, other, snapshot(component("root_scheduler"))); again.Hash != first.Hash {
		t.Errorf("the same situation has another hash:\n%s\n%s", first.Text, again.Text)
	}
	busy := change(component("root_scheduler"), func(c *driver.Container) { c.Record, c.Restarts = []byte(`{"new":1}`), 3 })
	if again := publicOf(inst, other, snapshot(busy)); again.Hash != first.Hash {
		t.Error("what the runtime counts changes the hash")
	}
	anotherImage := *inst
	anotherImage.Images = map[string]string{"root_scheduler": strings.Replace(testImage, "0001", "0002", 1)}
	for name, changed := range map[string]*graft.Plan{
		"component made anew": publicOf(inst, one, snapshot(change(component("root_scheduler"), func(c *driver.Container) { c.ID = "new" }))),
		"another port": publicOf(inst, one, snapshot(change(component("root_scheduler"), func(c *driver.Container) {
			c.Ports = []driver.Port{{HostPort: 10005, ContainerPort: 10004, Protocol: "tcp"}}
		}))),
		"another way": publicOf(inst, one, snapshot(change(component("root_scheduler"), func(c *driver.Container) {
			c.Mounts = []driver.Mount{{Source: "/var/run/docker.sock", Target: "/var/run/docker.sock", Bind: true}}
		}))),
		"another alias": publicOf(inst, one, snapshot(change(component("root_scheduler"), func(c *driver.Container) {
			c.Endpoints = []driver.Endpoint{{Network: "oakestra", Aliases: []string{"sched"}}}
		}))),
		"no component":  publicOf(inst, one, driver.Snapshot{Networks: oakestra()}),
		"another image": publicOf(&anotherImage, one, snapshot(component("root_scheduler"))),
	} {
		if changed.Hash == first.Hash {
			t.Errorf("%s: the hash is the same", name)
		}
	}
}

func TestPlanText(t *testing.T) {
	t.Parallel()
	plugin := installation(t, scheduler)
	plugin.ImageSizes = map[string]int64{"root_scheduler": 12_340_000}
	there := driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{component("root_scheduler")}}
	refused := change(component("root_web"), func(c *driver.Container) { c.Labels = nil; c.Endpoints = nil })
	for name, test := range map[string]struct {
		inst     *graft.Installation
		snapshot driver.Snapshot
		first    string
	}{
		"plugin":    {plugin, there, "installs 1 service; pulls 12.3 MB; replaces component root_scheduler (warm: expected gap about 0.2 s)"},
		"extension": {installation(t, suite), driver.Snapshot{Networks: oakestra()}, "installs 2 services; pulls 1 image"},
		"refused":   {installation(t, hello), driver.Snapshot{Containers: []driver.Container{refused}}, "refused: "},
	} {
		out := publicOf(test.inst, test.inst.ID, test.snapshot)
		if first, _, _ := strings.Cut(out.Text, "\n"); !strings.HasPrefix(first, test.first) {
			t.Errorf("%s: the first line is %q, want %q", name, first, test.first)
		}
	}
}

func TestPlannedImages(t *testing.T) {
	t.Parallel()
	inst := installation(t, suite)
	inst.ImageSizes = map[string]int64{"web": 7, "db": 7}
	want := []graft.PlannedImage{{Image: testImage, Services: []string{"web", "db"}, Size: 7}}
	if diff := cmp.Diff(want, publicOf(inst, inst.ID, driver.Snapshot{Networks: oakestra()}).Images); diff != "" {
		t.Error(diff)
	}
}

func TestPullText(t *testing.T) {
	t.Parallel()
	a, b, unknown := graft.PlannedImage{Size: 1_000_000}, graft.PlannedImage{Size: 500_000}, graft.PlannedImage{}
	present := graft.PlannedImage{Present: true}
	for want, images := range map[string][]graft.PlannedImage{
		"":               nil,
		"pulls nothing":  {present},
		"pulls 1.5 MB":   {a, present, b},
		"pulls 2 images": {a, unknown},
	} {
		if got := pullText(images); got != want {
			t.Errorf("%+v: %q, want %q", images, got, want)
		}
	}
}

func TestImageSize(t *testing.T) {
	t.Parallel()
	sizes := map[string]int64{"linux/amd64": 1, "linux/arm/v6": 2, "linux/arm/v7": 3, "linux/arm64": 4}
	for host, want := range map[string]int64{
		"linux/amd64": 1, "linux/arm": 3, "linux/arm/v7": 3, "linux/arm64/v8": 4, "windows/amd64": 0,
	} {
		if got := imageSize(&graft.ImageReport{Sizes: sizes}, host); got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
	if got := imageSize(&graft.ImageReport{}, "linux/amd64"); got != 0 {
		t.Errorf("without sizes: %d", got)
	}
}
