package browser_test

import (
	"testing"

	"github.com/graftplatform/graft/internal/dockertest"
)

// Of an addon that does not work people read why.
func TestFailure(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	broken := s.publish(s.descriptor("broken", s.image("broken", "EXIT_CODE=3", "PRINT=the door is locked")))
	p := s.signedIn()
	p.open("/")
	p.click("Install " + broken.Name)
	p.see("Nothing has happened yet.")
	p.click("Install")
	p.see("Failed", "exited with code 3", "Last words of what failed", "the door is locked", "Retry")
	p.click("Installed")
	p.see("Failed", "exited with code 3", "Retry")
	p.click("Uninstall " + broken.Name)
	p.see("It has no volumes, and so no data to lose.")
}

// A plugin that does not work leaves the component where it is, and is tried again
// when somebody says so.
func TestRetry(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	port, name := dockertest.FreePort(t), s.prefix+"-scheduler"
	s.component(name, s.image("core", "NAME=core"), port)
	broken := s.publish(s.descriptor("scheduler", s.image("broken", "EXIT_CODE=3", "PRINT=the door is locked")))
	p := s.signedIn()
	p.open("/addons/" + broken.ID + "/install")
	p.click("Install")
	p.see("Failed", "Restored: all is as before", "exited with code 3", "the door is locked")
	var told int
	p.evaluate(&told, outcomes)
	p.click("Retry " + broken.Name)
	p.until("more is told", `(n) => (`+outcomes+`)() > n`, told)
	p.see("Failed", "Restored: all is as before")
	p.click("Components")
	p.see("all are original")
	s.answers(port, "core")
}

// outcomes is how many of them the timeline has.
const outcomes = `() => [...document.querySelectorAll(".timeline .badge")].filter((badge) => badge.textContent === "Outcome").length`
