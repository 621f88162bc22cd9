package draft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// maxItems is how many services, volumes or networks the form shows: as many as
// an addon can have.
const maxItems = 100

// maxShown is how many characters are shown of what is to be edited in the JSON.
const maxShown = 200

// Form is what the form shows of a draft.
type Form struct {
	Addon    []*Field
	Sections []*Section // services, volumes, networks
	// Messages are all that there is to be said: problems, warnings, then what is good
	// to know. Those that are about no field are also in Top.
	Messages, Top []*Message
	// Suggestions are what some controls can be filled in with, by their List.
	Suggestions []Suggestion
}

// Suggestion is a list of words for a control.
type Suggestion struct {
	ID    string
	Words []string
}

// Section is the services, volumes or networks of an addon.
type Section struct {
	Name, One string // services, service
	Title     string
	Ordered   bool // whether the items can be moved
	Items     []*Item
	FocusAdd  bool   // whether the focus goes to the button for another one
	Locked    string // JSON that the form can't show in place of the items
	Messages  []*Message
}

// Item is one of a section.
type Item struct {
	Name        string // services.0
	Title       string // its own name, or its number
	Usual, More []*Field
	Open        bool // whether something in More was filled in, or is wrong
	First, Last bool
	FocusUp     bool
	FocusDown   bool
	Locked      string
	Messages    []*Message
}

// Field is one member, or the rows of one.
type Field struct {
	Input
	Control  Control
	Hint     string
	Checked  bool // of a check
	Columns  []string
	Rows     []*Row
	Add      string // label of the button for another row
	FocusAdd bool
	// Locked is JSON that the form can't show; the field is then not in the form.
	Locked   string
	Messages []*Message
}

// Row is one of a field's rows.
type Row struct {
	Name     string // services.0.ports.1
	Number   int    // from 1
	Inputs   []*Input
	Locked   string
	Messages []*Message
}

// Input is a control.
type Input struct {
	Name     string // and its id
	Label    string
	Value    string
	Lines    bool // whether it has line breaks, which only some controls keep
	Required bool
	Invalid  bool
	Focus    bool
	// DescribedBy are the ids of its hint and of the messages beside it.
	DescribedBy string
	List        string // id of the datalist with suggestions
	Options     []Option
}

// Height is how many lines a control of lines shows at once.
func (in *Input) Height() int {
	const least, most = 4, 16
	return max(least, min(most, strings.Count(in.Value, "\n")+2))
}

// Option is one that can be chosen.
type Option struct {
	Value, Label string
	Chosen       bool
}

// Message is shown beside what it is about.
type Message struct {
	Text   string
	Tone   Tone
	Label  string // what it is about, in the words of the form; empty: the draft as a whole
	Beside string // name of the field, row, item or section it is shown with
	Input  string // id to go to
}

// Tone is what a message is.
type Tone string

const (
	ToneBad     Tone = "bad" // a problem
	ToneWarning Tone = "warning"
	ToneGood    Tone = "good" // good to know
)

// Form makes the form, with the problems and warnings beside what they are about.
func (d *Draft) Form(problems, warnings graft.Problems) *Form {
	b := &builder{form: &Form{}, blank: d.blank, focus: d.focus, targets: map[string]target{}}
	addon := origin{words: words.AddonFields()}
	for _, s := range addonSpecs() {
		b.form.Addon = append(b.form.Addon, b.field(d.root, addon, s))
	}
	for _, s := range sections() {
		b.form.Sections = append(b.form.Sections, b.section(d.root, s))
	}
	b.suggest(d.root)
	b.put(problems, ToneBad)
	b.put(warnings, ToneWarning)
	b.put(b.plugins(d.root), ToneGood)
	return b.form
}

type builder struct {
	form    *Form
	blank   map[string]bool
	focus   string
	targets map[string]target // by path in the document

	rowsShown int
}

// origin is where a field is: in the form, in the document, and in words; the item
// is that whose less usual fields it is among. The words are those of all fields
// that are there.
type origin struct {
	prefix string
	path   []string
	label  string
	item   *Item
	words  map[string]words.Field
}

func (b *builder) section(root *node, s section) *Section {
	said := words.Sections()[s.name]
	shown := &Section{Name: s.name, One: said.One, Title: said.Title, Ordered: s.name == "services", FocusAdd: b.focus == "add:"+s.name}
	here := target{messages: &shown.Messages, beside: s.name, input: "add:" + s.name, label: said.Title}
	b.target(here, s.name)
	spot := find(root, s.name)
	all := spot.found
	switch {
	case spot.other != nil:
		shown.Locked = spot.other.compact(maxShown)
		return shown
	case all == nil:
		return shown
	case all.kind != list || len(all.items) > maxItems:
		shown.Locked = all.compact(maxShown)
		return shown
	}
	fields := s.words()
	for i, item := range all.items {
		shown.Items = append(shown.Items, b.item(item, s, i, fmt.Sprintf(said.Numbered, i+1), fields))
	}
	if n := len(shown.Items); n > 0 {
		shown.Items[0].First, shown.Items[n-1].Last = true, true
	}
	return shown
}

// item shows one of a section; the title is for who has no name.
func (b *builder) item(n *node, s section, i int, title string, fields map[string]words.Field) *Item {
	number := strconv.Itoa(i)
	shown := &Item{Name: s.name + "." + number, Title: title}
	if n.kind == object {
		if own, _ := n.member(s.title); own != nil {
			if name, _ := own.value.isText(); name != "" {
				shown.Title = name
			}
		}
	}
	shown.FocusUp, shown.FocusDown = b.focus == "up:"+shown.Name, b.focus == "down:"+shown.Name
	b.target(target{messages: &shown.Messages, beside: shown.Name, input: shown.Name, label: shown.Title, item: shown}, s.name, number)
	if n.kind != object {
		shown.Locked = n.compact(maxShown)
		return shown
	}
	at := origin{prefix: shown.Name + ".", path: []string{s.name, number}, label: shown.Title + ": ", words: fields}
	usual, more := s.specs()
	for _, s := range usual {
		shown.Usual = append(shown.Usual, b.field(n, at, s))
	}
	at.item = shown
	for _, s := range more {
		shown.More = append(shown.More, b.field(n, at, s))
	}
	return shown
}

// plugins tells which services take the place of a component by their name.
func (b *builder) plugins(root *node) graft.Problems {
	all, planes := find(root, "services").found, planesOf(root)
	var notes graft.Problems
	for i := 0; all != nil && i < len(all.items) && i < maxItems; i++ {
		name, _ := find(all.items[i], "service_name").found.isText()
		d := graft.Descriptor{Planes: planes, Services: []graft.Service{{Name: name}}}
		if components := d.Replaces(); len(components) > 0 {
			notes = append(notes, graft.Problem{
				Path:    []string{"services", strconv.Itoa(i), "service_name"},
				Message: fmt.Sprintf(words.MakesPlugin, strings.Join(components, ", ")),
			})
		}
	}
	return notes
}

// planesOf are the planes that the draft names; others are no planes.
func planesOf(root *node) []graft.Plane {
	var planes []graft.Plane
	own := find(root, "planes").found
	for _, plane := range []graft.Plane{graft.PlaneRoot, graft.PlaneCluster} {
		if own.has(string(plane)) {
			planes = append(planes, plane)
		}
	}
	return planes
}

// suggest lists what the draft has names for already.
func (b *builder) suggest(root *node) {
	planes := planesOf(root)
	if len(planes) == 0 {
		planes = []graft.Plane{graft.PlaneRoot, graft.PlaneCluster}
	}
	var components []string
	for _, plane := range planes {
		components = append(components, graft.WellKnownComponents(plane)...)
	}
	b.form.Suggestions = []Suggestion{
		{"component-names", components},
		{"platform-names", []string{"amd64", "arm64", "linux/arm/v7"}},
	}
	for _, s := range sections() {
		var names []string
		all := find(root, s.name).found
		for i := 0; all != nil && i < len(all.items) && i < maxItems; i++ {
			if own, _ := all.items[i].member(s.title); own != nil {
				if name, _ := own.value.isText(); name != "" {
					names = append(names, name)
				}
			}
		}
		if s.name == "networks" && !slices.Contains(names, graft.DefaultNetwork) {
			names = append(names, graft.DefaultNetwork)
		}
		b.form.Suggestions = append(b.form.Suggestions, Suggestion{s.names, names})
	}
}
