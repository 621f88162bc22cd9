package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// public turns the plan into what the API answers. What takes a look at the
// host, such as which images are there, is filled in by preview.
func (p *plan) public() *graft.Plan {
	out := &graft.Plan{
		InstallationID: p.installation.ID,
		Addon:          p.installation.Name,
		Operations:     []graft.Operation{},
		Images:         p.images(),
		Swaps:          append([]graft.PlannedSwap{}, p.swaps...),
		Volumes:        p.volumes(),
		Conflicts:      []graft.PlannedConflict{},
		Refusal:        p.refusal,
		Rights:         append([]graft.Right{}, p.installation.Rights...),
		Risk:           graft.Risk(p.installation.Rights),
		Missing:        []graft.Right{},
		Denied:         []graft.Right{},
	}
	for _, o := range p.operations {
		out.Operations = append(out.Operations, graft.Operation{Kind: string(o.kind), Target: o.target, Cause: o.cause})
	}
	p.seal(out)
	return out
}

// seal gives the answer the hash and the text of what it says by now.
func (p *plan) seal(out *graft.Plan) {
	out.Hash = p.hash(out)
	out.Text = p.text(out)
}

// images returns the images that the plan pulls, in its order.
func (p *plan) images() []graft.PlannedImage {
	images := []graft.PlannedImage{}
	for _, o := range p.operations {
		if o.kind != opPull {
			continue
		}
		image := graft.PlannedImage{Image: o.target, Services: []string{}}
		for _, service := range p.installation.Services {
			if p.installation.Images[service.Name] == o.target {
				image.Services = append(image.Services, service.Name)
				image.Size = p.installation.ImageSizes[service.Name]
			}
		}
		images = append(images, image)
	}
	return images
}

// planFacts is what a plan's hash is made of. Everything that is different in
// the next dry run of the same situation is left out: times, and the random ids
// of the installation and of containers that are yet to be created.
type planFacts struct {
	Addon      string
	Operations []operationFacts
	Swaps      []swapFacts
	Conflicts  []graft.PlannedConflict
	Refusal    string
	Waiting    string
}

type operationFacts struct {
	Kind             kind
	Target           string
	ID, Name, Policy string
	Until, From      string
	Endpoint         driver.Endpoint
	Container        *driver.ContainerSpec
	Network          *driver.NetworkSpec
	Volume           *driver.VolumeSpec
	Component        string // the container that is written down or forgotten
}

type swapFacts struct {
	Component, Service string
	Back               bool
	Way                graft.SwapWay
}

func (p *plan) hash(out *graft.Plan) string {
	facts := planFacts{Addon: p.installation.MarketplaceID, Conflicts: out.Conflicts, Refusal: p.refusal, Waiting: p.waiting}
	for i := range p.operations {
		facts.Operations = append(facts.Operations, p.operations[i].facts(p.installation.ID))
	}
	for _, s := range p.swaps {
		facts.Swaps = append(facts.Swaps, swapFacts{s.Component, s.Service, s.Back, s.Way})
	}
	data, err := json.Marshal(facts)
	if err != nil { // strings, numbers and lists always marshal
		panic(err)
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// facts says what an operation does to what.
func (o *operation) facts(installationID string) operationFacts {
	// Names of containers on their way in end in a part of the installation's id.
	stable := func(text string) string {
		if before, after, found := strings.Cut(text, incomingName("", installationID)); found {
			return before + incomingInfix + after
		}
		return text
	}
	f := operationFacts{
		Kind: o.kind, Target: stable(o.target), ID: stable(o.id), Name: stable(o.name),
		Policy: o.policy, Until: o.until, From: o.from, Endpoint: o.endpoint,
	}
	if o.container != nil {
		c := *o.container
		c.Name, c.Labels = stable(c.Name), nil
		f.Container = &c
	}
	if o.network != nil {
		n := *o.network
		n.Labels = nil
		f.Network = &n
	}
	if o.volume != nil {
		v := *o.volume
		v.Labels = nil
		f.Volume = &v
	}
	if o.swap != nil {
		f.Component = o.swap.ContainerID
	}
	return f
}

// text is the plan for people: what it amounts to, what is in the way, what is to
// be known, then one operation a line.
func (p *plan) text(out *graft.Plan) string {
	var b strings.Builder
	if len(p.operations) > 0 && p.refusal == "" {
		b.WriteString(p.summary(out) + "\n")
	}
	for _, c := range out.Conflicts {
		if c.Text != p.refusal {
			fmt.Fprintf(&b, "conflict: %s\n", c.Text)
		}
	}
	for _, warning := range out.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	return b.String() + p.String()
}

// summary is what the plan amounts to, in one line.
func (p *plan) summary(out *graft.Plan) string {
	var parts []string
	count := func(k kind) (n int) {
		for i := range p.operations {
			if p.operations[i].kind == k {
				n++
			}
		}
		return n
	}
	switch created, services := count(opCreate), len(p.installation.Services); {
	case created == services:
		parts = append(parts, "installs "+counted(created, "service"))
	case created > 0:
		parts = append(parts, "creates "+counted(created, "container"))
	}
	if pulls := pullText(out.Images); pulls != "" {
		parts = append(parts, pulls)
	}
	for _, s := range out.Swaps {
		parts = append(parts, swapText(s))
	}
	if removed := count(opRemove); removed > 0 {
		parts = append(parts, "removes "+counted(removed, "container"))
	}
	if taken := count(opTakeVolume); taken > 0 {
		parts = append(parts, "takes over the data in "+counted(taken, "volume"))
	}
	if kept := count(opKeepVolume); kept > 0 {
		parts = append(parts, "keeps the data in "+counted(kept, "volume"))
	}
	if lost := count(opRemoveVolume); lost > 0 {
		parts = append(parts, "removes the data in "+counted(lost, "volume"))
	}
	if len(parts) == 0 {
		parts = append(parts, counted(len(p.operations), "operation"))
	}
	return strings.Join(parts, "; ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// pullText says what is transferred, "" if the plan needs no image.
func pullText(images []graft.PlannedImage) string {
	absent := slices.DeleteFunc(slices.Clone(images), func(i graft.PlannedImage) bool { return i.Present })
	var size int64
	known := true
	for _, image := range absent {
		size += image.Size
		known = known && image.Size > 0
	}
	switch {
	case len(images) == 0:
		return ""
	case len(absent) == 0:
		return "pulls nothing"
	case !known:
		return "pulls " + counted(len(absent), "image")
	}
	return fmt.Sprintf("pulls %.1f MB", float64(size)/1e6)
}

func swapText(s graft.PlannedSwap) string {
	text := "replaces component " + s.Component
	if s.Back {
		text = "puts component " + s.Component + " back"
	}
	if s.ExpectedGap == 0 {
		return fmt.Sprintf("%s (%s: no gap expected)", text, s.Way)
	}
	gap := time.Duration(s.ExpectedGap) * time.Millisecond
	return fmt.Sprintf("%s (%s: expected gap about %.1f s)", text, s.Way, gap.Seconds())
}
