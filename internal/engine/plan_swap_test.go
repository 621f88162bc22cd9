package engine

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

var update = flag.Bool("update", false, "write the plans that come out into testdata/plans")

// TestSwapPlans compares the plans in testdata/plans: README.md there says how
// to read a case.
func TestSwapPlans(t *testing.T) {
	t.Parallel()
	comparePlans(t, "testdata/plans/*.txt")
}

// comparePlans compares the cases in files with the plans that come out.
func comparePlans(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no plans: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		head, cases, _ := strings.Cut(string(data), "=== ")
		out.WriteString(head)
		for text := range strings.SplitSeq(cases, "\n=== ") {
			name, body, _ := strings.Cut(text, "\n")
			got := planned(t, name, body)
			if strings.TrimSpace(body) != strings.TrimSpace(got) && !*update {
				t.Errorf("%s: %s (-want +got):\n%s", filepath.Base(file), name, cmp.Diff(strings.TrimSpace(body), strings.TrimSpace(got)))
			}
			out.WriteString("=== " + name + "\n" + got + "\n")
		}
		if *update {
			if err := os.WriteFile(file, []byte(strings.TrimSpace(out.String())+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// planned returns a case with the plans that come out.
func planned(t *testing.T, name, body string) string {
	t.Helper()
	state, plans, _ := strings.Cut(body, "--- ")
	s := newStage(t, name, state)
	out := strings.TrimSpace(state) + "\n"
	for section := range strings.SplitSeq(plans, "--- ") {
		who, _, _ := strings.Cut(section, "\n")
		inst := s.w.installation(addonIDs(who))
		if inst == nil {
			t.Fatalf("%s: there is no addon %q", name, who)
		}
		p, fault := planOf(s.w, inst)
		if fault != "" {
			out += "--- " + who + "\npanic: " + fault + "\n"
			continue
		}
		if again := planFor(s.w, inst); again.String() != p.String() {
			t.Errorf("%s: the same world gave another plan:\n%s", name, again)
		}
		out += "--- " + who + "\n" + s.text(p)
	}
	return out
}

// planOf is planFor, and what it panicked with.
func planOf(w *world, inst *graft.Installation) (p *plan, fault string) {
	defer func() {
		if r := recover(); r != nil {
			fault = fmt.Sprint(r)
		}
	}()
	return planFor(w, inst), ""
}

func addonIDs(name string) string {
	return map[string]string{"a": "aaaaaaaaaaaaaaaaaaaaaaaa", "b": "bbbbbbbbbbbbbbbbbbbbbbbb"}[name]
}

// stage is the world of a case, and the short names that are used in it.
type stage struct {
	t     *testing.T
	name  string
	w     *world
	was   driver.Container // the component before all
	long  map[string]string
	short *strings.Replacer
}

func newStage(t *testing.T, name, state string) *stage {
	t.Helper()
	s := &stage{t: t, name: name, was: component("root_scheduler")}
	s.was.NetworkMode = "oakestra"
	s.w = &world{settings: testSettings, gated: map[string]string{}, resting: map[string]time.Time{}, snapshot: &driver.Snapshot{Networks: oakestra()}}
	s.long = map[string]string{
		"scheduler": s.was.Name, "aside": asideName(s.was.Name, s.was.ID), "aside-anew": asideName(s.was.Name, "anew"),
		"standby": standbyName(s.was.Name, s.was.ID), "standby-anew": standbyName(s.was.Name, "anew"),
		"warm": warmNetwork(s.was.Name), "new": incomingName(s.was.Name, addonIDs("a")), "new-b": incomingName(s.was.Name, addonIDs("b")),
	}
	var pairs []string
	for _, short := range []string{"aside-anew", "aside", "standby-anew", "standby", "warm", "new", "new-b", "scheduler"} { // the longest first
		pairs = append(pairs, s.long[short], short)
	}
	s.short = strings.NewReplacer(append(pairs, testImage, "image")...)
	if !strings.Contains(state, "addon a") {
		s.addon([]string{"a"})
	}
	for line := range strings.Lines(state) {
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			s.add(words[0], words[1:])
		}
	}
	return s
}

// add puts one line's thing on stage.
func (s *stage) add(what string, words []string) {
	s.t.Helper()
	switch what {
	case "addon":
		s.addon(words)
	case "orchestrator's":
		s.make(words)
	case "swap":
		s.swap(words)
	case "network":
		n := driver.Network{ID: "n-" + words[0], Name: s.full(words[0])}
		if words[0] == "warm" {
			spec := s.w.warmSpec(s.was.Name)
			n.Internal, n.Labels = true, spec.Labels
		}
		s.w.snapshot.Networks = append(s.w.snapshot.Networks, n)
	case "no-network":
		s.w.snapshot.Networks = nil
	default:
		s.container(what, words)
	}
}

func (s *stage) full(name string) string {
	if long, ok := s.long[name]; ok {
		return long
	}
	return name
}

// addon is "addon NAME [settled] [supersede] [disabled|removed|failed] [mounts=M]".
func (s *stage) addon(words []string) {
	service := `{"service_name":"root_scheduler","image":"x"}`
	if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "mounts=") }); i >= 0 {
		service = `{"service_name":"root_scheduler","image":"x","volumes":["` + strings.TrimPrefix(words[i], "mounts=") + `"]}`
	}
	inst := installation(s.t, `{"name":"`+words[0]+`","services":[`+service+`]}`)
	inst.ID, inst.CreatedAt = addonIDs(words[0]), time.Unix(int64(words[0][0]), 0)
	inst.Supersede = slices.Contains(words, "supersede")
	for _, word := range words[1:] {
		switch word {
		case "settled":
			inst.Details = &graft.StatusDetails{Generation: 1, Outcome: graft.OutcomeDone}
		case "host":
			inst.Rights = []graft.Right{graft.HostNetwork("root_scheduler", "as its component is")}
		case "disabled":
			inst.Desired = graft.DesiredDisabled
		case "removed":
			inst.Desired = graft.DesiredRemoved
		case "failed":
			inst.Details = &graft.StatusDetails{Generation: 1, GaveUp: true}
		}
	}
	s.w.installs = append(s.w.installs, *inst)
}

// make says what the component is like: it changes what it was before all.
func (s *stage) make(words []string) {
	s.t.Helper()
	for _, word := range words {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "component":
		case "portless":
			s.was.Ports = nil
		case "was":
			s.was.State = driver.State(value)
		case "on":
			s.was.Endpoints = s.endpoints(value, "scheduler")
		case "address":
			s.was.Endpoints[0].IPv4Address = value
		case "image":
			s.was.ImageDigest = value
		case "mounts":
			source, target, _ := strings.Cut(value, ":")
			s.was.Mounts = []driver.Mount{{Source: source, Target: target, Bind: true}}
		case "mode":
			s.was.NetworkMode = value
		case "--rm":
			s.was.AutoRemove = true
		default:
			s.t.Fatalf("%s: component: %s?", s.name, word)
		}
	}
}

func (s *stage) endpoints(list, alias string) []driver.Endpoint {
	var endpoints []driver.Endpoint
	for network := range strings.SplitSeq(list, ",") {
		if network != "none" {
			endpoints = append(endpoints, driver.Endpoint{Network: s.full(network), Aliases: []string{alias}})
		}
	}
	return endpoints
}

// swap is "swap [owner=b] [way=W] [back=W]": the component is written down.
func (s *stage) swap(words []string) {
	s.t.Helper()
	swap := swapFor(s.t, &s.w.installs[0], s.was)
	for _, word := range words {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "owner":
			swap.InstallationID = addonIDs(value)
		case "way":
			swap.Way = graft.SwapWay(value)
		case "back":
			swap.WayBack = graft.SwapWay(value)
		default:
			s.t.Fatalf("%s: swap %s?", s.name, word)
		}
	}
	s.w.swaps = []store.Swap{swap}
}

// container is "WHO NAME STATE [on=NETWORKS] [policy=P] [passed] [resting] [unhealthy]".
func (s *stage) container(who string, words []string) {
	s.t.Helper()
	var c driver.Container
	switch who {
	case "component":
		c = s.was
	case "anew":
		c = s.was
		c.ID = "anew"
	case "plugin", "plugin-b":
		inst := s.w.installation(addonIDs(map[string]string{"plugin": "a", "plugin-b": "b"}[who]))
		c = running(inst, "root_scheduler", "root_scheduler")
		c.ID, c.Ports, c.NetworkMode = who, s.was.Ports, s.was.NetworkMode
		c.Endpoints = nil
		for _, e := range s.was.Endpoints { // without the address, which is the component's
			c.Endpoints = append(c.Endpoints, driver.Endpoint{Network: e.Network, Aliases: e.Aliases})
		}
		c.Labels[driver.ComponentLabel] = s.was.Name
		mounts, err := s.w.mounts(inst, &inst.Services[0])
		try(s.t, err)
		c.Mounts = mounts
	case "stranger":
		c = driver.Container{ID: "stranger", RestartPolicy: "no", Ports: s.was.Ports, Labels: map[string]string{driver.ComposeProjectLabel: "shop"}}
	default:
		s.t.Fatalf("%s: who is %s?", s.name, who)
	}
	c.Name, c.State = s.full(words[0]), driver.State(words[1])
	if strings.Contains(c.Name, asideInfix) {
		c.RestartPolicy = "no"
	}
	marks := words[2:]
	for _, word := range marks {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "on":
			c.Endpoints = s.endpoints(value, "scheduler")
		case "policy":
			c.RestartPolicy = value
		case "unhealthy":
			c.Health = "unhealthy"
		case "passed", "resting":
		default:
			s.t.Fatalf("%s: %s %s?", s.name, who, word)
		}
	}
	if slices.Contains(marks, "passed") {
		s.w.gated[c.ID] = place(&c)
	}
	if slices.Contains(marks, "resting") {
		s.w.resting[c.ID] = time.Unix(1, 0)
	}
	s.w.snapshot.Containers = append(s.w.snapshot.Containers, c)
}

// text prints a plan in short names, without causes.
func (s *stage) text(p *plan) string {
	var b strings.Builder
	switch {
	case p.refusal != "":
		b.WriteString("refused: " + p.refusal + "\n")
	case p.waiting != "":
		b.WriteString("waits: " + p.waiting + "\n")
	case len(p.operations) == 0:
		return "nothing\n"
	}
	inGap := false
	for i := range p.operations {
		o := &p.operations[i]
		inGap = inGap || o.gap != nil && o.gap.begins
		if inGap {
			b.WriteString("| ")
		}
		if o.gap != nil && o.gap.ends {
			inGap = false
		}
		line := strings.TrimPrefix(o.text(), "rename container ")
		if o.kind == opRename {
			line = "rename " + line
		}
		b.WriteString(strings.Replace(line, " container ", " ", 1))
		if o.kind == opCreate {
			for _, e := range o.container.Endpoints {
				b.WriteString(" on " + e.Network)
			}
		}
		if o.fallback != nil {
			b.WriteString(" (or else " + string(o.fallback.way) + ")")
		}
		b.WriteString("\n")
	}
	return s.short.Replace(b.String())
}

// What is written down before anything is touched is the whole component.
func TestComponentIsWrittenDownWhole(t *testing.T) {
	t.Parallel()
	s := newStage(t, "whole", "component scheduler running\n")
	p := planFor(s.w, &s.w.installs[0])
	i := slices.IndexFunc(p.operations, func(o operation) bool { return o.kind == opRecord })
	if i < 0 {
		t.Fatalf("it is not written down:\n%s", p)
	}
	var got driver.Container
	if err := json.Unmarshal(p.operations[i].swap.Record, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.w.snapshot.Containers[0], got); diff != "" {
		t.Errorf("(-component +record):\n%s", diff)
	}
}
