package web

import (
	"bytes"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/graftplatform/graft"
)

// check looks for what no picture may have, and returns it as SVG.
func (d *diagram) check(t *testing.T) string {
	t.Helper()
	for i, a := range d.Boxes {
		if a.X < 0 || a.Y < 0 || a.X+a.W > d.Width || a.Y+a.H > d.Height {
			t.Errorf("%q is beyond the picture: %+v", a.Name, a)
		}
		if utf8.RuneCountInString(a.Name) > nameLength || !strings.HasPrefix(a.Whole, strings.TrimPrefix(a.Name, "…")) && !strings.HasPrefix(a.Name, "…") {
			t.Errorf("%q of %q does not fit", a.Name, a.Whole)
		}
		for _, b := range d.Boxes[i+1:] {
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%q and %q are in one place", a.Name, b.Name)
			}
		}
	}
	for _, l := range d.Lines {
		if !d.edge(l.X1, l.Y1, true) || !d.edge(l.X2, l.Y2, false) {
			t.Errorf("a line leads nowhere: %+v", l)
		}
	}
	a, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	p, err := loadPages(a)
	if err != nil {
		t.Fatal(err)
	}
	svg, err := p.part("addon", "diagram", d)
	if err != nil {
		t.Fatal(err)
	}
	return string(svg)
}

// edge is whether a point is in the middle of the right or left edge of a box.
func (d *diagram) edge(x, y int, right bool) bool {
	for _, b := range d.Boxes {
		if at := b.X; y == b.Y+b.H/2 && (right && x == at+b.W || !right && x == at) {
			return true
		}
	}
	return false
}

func TestDiagram(t *testing.T) {
	t.Parallel()
	d := &graft.Descriptor{Name: "x", Services: []graft.Service{
		{Name: "cluster_scheduler", Image: "a", Ports: map[string]string{"80": "8080", "8443": "443"}, Volumes: []string{"data:/data", "/etc/x:/x:ro"}, Networks: []string{"one", "two"}},
		{Name: "helper", Image: "registry.example/with/a/very/long/path/to/an/image:1", Volumes: []string{"data:/other", "not a mount"}},
	}}
	drawn := drawAddon(d, []string{"cluster_scheduler"})
	svg := drawn.check(t)
	kinds := map[string]int{}
	for _, b := range drawn.Boxes {
		kinds[b.Kind]++
	}
	want := map[string]int{"plugin": 1, "service": 1, "component": 1, "port": 2, "volume": 1, "host": 1, "network": 3}
	if fmt.Sprint(kinds) != fmt.Sprint(want) || len(drawn.Lines) != 3+4+2 {
		t.Errorf("it has %v and %d lines", kinds, len(drawn.Lines))
	}
	for _, text := range []string{"takes the place of cluster_scheduler", "answers on host port 8080", "mounts data", "is on network two"} {
		if !strings.Contains(drawn.Text, text) || !strings.Contains(svg, text) {
			t.Errorf("it does not tell %q: %s", text, drawn.Text)
		}
	}
	none := drawAddon(&graft.Descriptor{}, nil)
	none.check(t)
}

// Every descriptor that was ever given to us can be drawn.
func TestDiagramsOfDescriptors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/descriptors/good/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// One of them leaves out what its image is called.
		d, _, err := graft.ParseDescriptor(bytes.ReplaceAll(data, []byte(`"IMAGE"`), []byte(`"image"`)))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		drawn := drawAddon(d, graft.WellKnownComponents(graft.PlaneRoot))
		drawn.check(t)
		if len(drawn.Boxes) < len(d.Services) {
			t.Errorf("%s: %d boxes for %d services", file, len(drawn.Boxes), len(d.Services))
		}
	}
}

// Names that should never get that far do no harm when they do.
func TestDiagramsOfHostileNames(t *testing.T) {
	t.Parallel()
	hostile := `</text><script>alert(1)</script>"'<!--&amp;` + "\x00\u202e" + strings.Repeat("x", 1000)
	d := &graft.Descriptor{Name: hostile}
	for i := range 100 {
		name := fmt.Sprint(i, hostile)
		d.Services = append(d.Services, graft.Service{
			Name: name, Image: hostile, Ports: map[string]string{name: hostile, hostile: name},
			Volumes: []string{hostile + ":/x", "/" + name + ":/y"}, Networks: []string{hostile, name},
		})
	}
	svg := drawAddon(d, []string{hostile}).check(t)
	if strings.Contains(svg, "<script") || strings.Contains(svg, "<!--") || strings.Contains(svg, `"'`) {
		t.Errorf("what is written there is HTML: %s", template.HTMLEscapeString(svg[:500]))
	}
}
