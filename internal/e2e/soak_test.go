//go:build soak

package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/graftplatform/graft"
)

// storyLength is how many operations are told when something went wrong.
const storyLength = 30

// soak is a site on which random things happen to the real program. After each
// of them the engine must settle, and every component have one live owner.
type soak struct {
	*site
	random     *rand.Rand
	graft      *soakProcess
	components []*soakComponent
	addons     []*soakAddon
	core       string // the components' image

	begin   time.Time
	count   int // operations so far
	there   int // upgrades to a good version among them
	back    int // and to a bad one
	story   []string
	last    string        // operation
	slowest time.Duration // to settle
	after   string        // which operation
}

// TestSoak does random things until GRAFT_SOAK_DURATION is over. With the same
// GRAFT_SOAK_SEED it does the same things again, as far as it is up to it.
func TestSoak(t *testing.T) {
	duration := 10 * time.Minute
	if text := os.Getenv("GRAFT_SOAK_DURATION"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("GRAFT_SOAK_DURATION: %v", err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("GRAFT_SOAK_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("GRAFT_SOAK_SEED: %v", err)
		}
	}
	t.Logf("for %v; the same again: make soak DURATION=%v SEED=%d", duration, duration, seed)
	// Ctrl-C ends it early, but not before everything is cleaned up.
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	s := newSoak(t, seed)
	for ctx.Err() == nil {
		s.step()
		if s.count%20 == 0 {
			s.empty()
			t.Logf("%d operations in %v; the slowest took %v to settle", s.count, s.elapsed(), s.slowest.Round(time.Millisecond))
		}
	}
	s.empty()
	t.Logf("%d operations in %v, %d upgrades and %d that went back among them: after each of them every component had one live owner; the slowest took %v to settle: %s",
		s.count, s.elapsed(), s.there, s.back, s.slowest.Round(time.Millisecond), s.after)
}

func newSoak(t *testing.T, seed uint64) *soak {
	s := &soak{site: newSite(t), random: rand.New(rand.NewPCG(seed, 0)), begin: time.Now()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last operations before that:\n%s", strings.Join(s.story, "\n"))
		}
	})
	s.graft = startSoakProcess(t, s.prefix)
	s.market = s.graft.marketplace
	s.populate()
	return s
}

func (s *soak) elapsed() time.Duration { return time.Since(s.begin).Round(time.Second) }

// tell adds a line to the story.
func (s *soak) tell(format string, args ...any) {
	line := fmt.Sprintf("%8.3f s  #%d ", time.Since(s.begin).Seconds(), s.count) + fmt.Sprintf(format, args...)
	s.story = append(s.story, line)
	if len(s.story) > 2*storyLength { // an operation and how it ended
		s.story = s.story[1:]
	}
}

// soakOperation is something that can happen now.
type soakOperation struct {
	weight int
	what   string
	do     func()
}

// step does one of the things that can happen now.
func (s *soak) step() {
	operations := s.possible()
	total := 0
	for _, o := range operations {
		total += o.weight
	}
	pick := s.random.IntN(total)
	for _, o := range operations {
		if pick -= o.weight; pick < 0 {
			s.count++
			s.tell("%s", o.what)
			s.last = o.what
			o.do()
			s.settle()
			return
		}
	}
}

// possible lists them in a fixed order, so that a seed tells the same story.
func (s *soak) possible() []soakOperation {
	operations := []soakOperation{
		{2, "restart graft with SIGTERM", s.restart},
		{2, "kill graft with SIGKILL", s.crash},
		{3, "prune stopped containers", s.prune},
	}
	for _, a := range s.addons {
		operations = append(operations, s.possibleWith(a)...)
	}
	for _, c := range s.components {
		if s.aside(c) {
			operations = append(operations, soakOperation{1, "start or stop the component " + c.name + ", which is aside", func() { s.touch(c) }},
				soakOperation{1, "make the component " + c.name + ", which is aside, anew as Docker Compose does", func() { s.remake(c) }})
		}
	}
	return operations
}

func (s *soak) possibleWith(a *soakAddon) []soakOperation {
	switch {
	case a.id == "":
		supersede := s.random.IntN(2) == 0
		return []soakOperation{{3, fmt.Sprintf("install %s, supersede %v", a.name, supersede), func() { s.install(a, supersede) }}}
	case !a.enabled:
		return append(s.possibleUpgrades(a),
			soakOperation{3, "enable " + a.name, func() { s.enable(a) }},
			soakOperation{2, "uninstall " + a.name, func() { s.uninstallAddon(a) }})
	}
	operations := []soakOperation{
		{2, "disable " + a.name, func() { s.disable(a) }},
		{2, "uninstall " + a.name, func() { s.uninstallAddon(a) }},
	}
	operations = append(operations, s.possibleUpgrades(a)...)
	if a.hurt < mostHurt && !a.bad {
		operations = append(operations,
			soakOperation{1, "kill a container of " + a.name, func() { s.hurt(a, false) }},
			soakOperation{1, "remove a container of " + a.name, func() { s.hurt(a, true) }})
	}
	return operations
}

// empty uninstalls everything: then all must be as it was before.
func (s *soak) empty() {
	s.count++
	s.tell("uninstall everything")
	for _, a := range s.addons {
		if a.id != "" {
			s.uninstallAddon(a)
		}
	}
	s.settle()
	s.asBefore()
	installations, err := s.graft.Installations(s.t.Context(), graft.InstallationStatus(""))
	if err != nil || len(installations) > 0 {
		s.t.Fatalf("installations are left: %v, %v", installations, err)
	}
}
