package web

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// diagram is a picture of an addon in three columns: what it is reached by and what
// it replaces, its services, and what they use.
type diagram struct {
	Width, Height int
	Boxes         []box
	Lines         []line
	Text          string // the same in words
}

// box is something in a diagram, in pixels.
type box struct {
	Kind       string // port, component, service, plugin, network, volume, host
	X, Y, W, H int
	Name       string // as far as it fits
	More       string // smaller, below
	Whole      string // all of it
}

// line leads from the right edge of one box to the left edge of another.
type line struct{ X1, Y1, X2, Y2 int }

// Path is the line as an SVG path: level where it leaves and where it arrives.
func (l line) Path() string {
	middle := (l.X1 + l.X2) / 2
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", l.X1, l.Y1, middle, l.Y1, middle, l.Y2, l.X2, l.Y2)
}

// Measures of a diagram, in pixels.
const (
	boxHeight  = 46
	boxGap     = 14
	leftX      = 0
	leftWidth  = 190
	middleX    = 270
	middleW    = 230
	rightX     = 580
	rightWidth = 220
	edge       = 2  // around all of it, for the outlines of boxes
	nameLength = 24 // characters that fit
)

// drawAddon draws what a descriptor has; replaced are the well-known components
// whose place its services take.
func drawAddon(d *graft.Descriptor, replaced []string) *diagram {
	drawing := &drawing{diagram: &diagram{Width: rightX + rightWidth}, right: map[string]int{}}
	for i := range d.Services {
		s := &d.Services[i]
		var ports []publishedPort
		for _, container := range slices.SortedFunc(maps.Keys(s.Ports), byLength) {
			ports = append(ports, publishedPort{s.Ports[container], container})
		}
		drawing.service(s, component(s.Name, replaced), ports)
	}
	return drawing.finish()
}

// drawInstalled draws what an installation has by now: a plugin has its component's
// ports, too.
func drawInstalled(inst *graft.Installation) *diagram {
	drawing := &drawing{diagram: &diagram{Width: rightX + rightWidth}, right: map[string]int{}}
	for i := range inst.Services {
		s, replaces := &inst.Services[i], ""
		var ports []publishedPort
		if inst.Details != nil {
			for _, seen := range inst.Details.Services {
				if seen.Name != s.Name {
					continue
				}
				replaces = seen.Replaces
				for _, port := range seen.Ports {
					at := strings.LastIndexByte(port, ':') // the host's may have an address before it
					ports = append(ports, publishedPort{port[:max(at, 0)], port[at+1:]})
				}
			}
		}
		drawing.service(s, replaces, ports)
	}
	return drawing.finish()
}

// publishedPort is where a service is reached on the host, and where inside.
type publishedPort struct{ host, container string }

// component is the one of the replaced that a service stands in for, "" if none.
func component(service string, replaced []string) string {
	for _, name := range replaced {
		if service == name || strings.HasSuffix(service, "_"+name) {
			return name
		}
	}
	return ""
}

// drawing is a diagram that is being drawn, from the top down.
type drawing struct {
	*diagram
	left, middle int            // where the next box of a column begins
	right        map[string]int // index of the box by kind and name
	uses         []use
	words        []string
}

// use is a line that can be drawn once all services are.
type use struct {
	from int // index of the service's box
	to   string
}

func (d *drawing) service(s *graft.Service, replaces string, ports []publishedPort) {
	top := max(d.left, d.middle)
	d.left, d.middle = top, top
	kind := "service"
	if replaces != "" {
		kind = "plugin"
	}
	index := d.add(box{Kind: kind, X: middleX, Y: top, W: middleW, Name: s.Name, More: s.Image})
	d.middle += boxHeight + boxGap
	sentence := fmt.Sprintf(words.AService, s.Name)
	if replaces != "" {
		d.leftBox(box{Kind: "component", Name: replaces, More: words.StepsAside}, index)
		sentence += fmt.Sprintf(words.TakesPlace, replaces)
	}
	for _, port := range ports {
		d.leftBox(box{Kind: "port", Name: fmt.Sprintf(words.HostPort, port.host), More: fmt.Sprintf(words.InsidePort, port.container)}, index)
		sentence += fmt.Sprintf(words.AnswersOn, port.host)
	}
	for _, volume := range s.Volumes {
		mount, err := graft.ParseMount(volume)
		if err != nil {
			continue // nothing that could be mounted
		}
		kind := "volume"
		if mount.Bind {
			kind = "host"
		}
		d.use(index, box{Kind: kind, Name: mount.Source, More: mountWord(kind)})
		sentence += fmt.Sprintf(words.MountsThis, mount.Source)
	}
	networks := s.Networks
	if len(networks) == 0 {
		networks = []string{graft.DefaultNetwork}
	}
	for _, network := range networks {
		d.use(index, box{Kind: "network", Name: network, More: words.Network})
		sentence += fmt.Sprintf(words.IsOnNetwork, network)
	}
	d.words = append(d.words, sentence+".")
}

func mountWord(kind string) string {
	if kind == "host" {
		return words.HostPath
	}
	return words.Volume
}

// byLength puts port 80 before port 8080.
func byLength(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// leftBox adds a box of the left column, with a line to a service.
func (d *drawing) leftBox(b box, service int) {
	b.X, b.Y, b.W = leftX, d.left, leftWidth
	d.left += boxHeight + boxGap
	from, to := d.Boxes[d.add(b)], d.Boxes[service]
	d.Lines = append(d.Lines, line{from.X + from.W, from.Y + from.H/2, to.X, to.Y + to.H/2})
}

// use adds a box of the right column unless it is there, and a line to it.
func (d *drawing) use(service int, b box) {
	key := b.Kind + "\n" + b.Name
	if _, there := d.right[key]; !there {
		b.X, b.W, b.Y = rightX, rightWidth, len(d.right)*(boxHeight+boxGap)
		d.right[key] = d.add(b)
	}
	d.uses = append(d.uses, use{service, key})
}

func (d *drawing) add(b box) int {
	b.H, b.Whole = boxHeight, b.Name
	if b.More != "" {
		b.Whole += ": " + b.More
	}
	b.Name, b.More = shortened(b.Name, nameLength), shortened(b.More, nameLength+8)
	d.Boxes = append(d.Boxes, b)
	return len(d.Boxes) - 1
}

func (d *drawing) finish() *diagram {
	for _, u := range d.uses {
		from, to := d.Boxes[u.from], d.Boxes[d.right[u.to]]
		d.Lines = append(d.Lines, line{from.X + from.W, from.Y + from.H/2, to.X, to.Y + to.H/2})
	}
	for _, b := range d.Boxes {
		d.Height = max(d.Height, b.Y+b.H)
	}
	d.Width, d.Height = d.Width+2*edge, d.Height+2*edge
	d.Text = strings.Join(d.words, " ")
	return d.diagram
}

// shortened keeps the end of a text that is too long: images and paths differ
// there.
func shortened(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return "…" + string(runes[len(runes)-most+1:])
}
