package browser_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Everything can be done with the keyboard, and what has the focus is seen to have
// it.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hello := s.publish(s.descriptor("hello", s.image("hello")))
	p := s.signedIn()
	p.press(kb.Tab)
	p.hasFocus("Skip to the content")
	p.press("\r")
	p.until("the focus is in the content", `() => document.activeElement.id === "main"`)
	p.press("?")
	p.see("Keyboard", "Add New Addon", "Close")
	p.looksGood("keys")
	p.press(kb.Escape)
	p.notSee("These keys")
	p.press("/")
	p.until("the search has the focus", `() => document.activeElement.name === "q"`)
	p.write("hello")
	p.press("?") // is a letter there
	p.asks("q", "hello?")
	p.notSee("These keys")
	p.tabTo("Install " + hello.Name)
	p.focusIsSeen()
	p.press("\r")
	p.see("Nothing has happened yet.")
	p.tabTo("Install")
	p.press("\r")
	p.see("Active")
	p.press("g")
	p.press("c")
	p.isAt("/components")
	p.press("g")
	p.press("i")
	p.isAt("/installed")
	p.tabTo("Disable " + hello.Name)
	p.press(" ")
	p.see("Disabled")

	for _, path := range []string{"/", "/addons/" + hello.ID, "/installed", "/settings", "/tokens", "/publish"} {
		p.open(path)
		p.reachesEverything()
	}
}

// Small screens have everything that large ones have.
func TestSmallScreen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hello := s.publish(s.descriptor("hello", s.image("hello")))
	p := s.signedIn()
	p.look(light, narrowWidth)
	p.open("/")
	p.fill("Search addons", "hello")
	p.click("Install " + hello.Name)
	p.click("Install")
	p.see("Active")
	p.click("Logs")
	p.see("app started")
	p.click("Overview")
	p.click("Disable " + hello.Name)
	p.see("Disabled")
	p.click("Settings")
	p.click("Save")
	p.see("Saved.")
	p.click("Sign out")
	p.see("Sign in")
}

// Who has no scripts can read, install, disable and uninstall all the same.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hello := s.publish(s.descriptor("hello", s.image("hello")))
	other := s.publish(s.descriptor("other", s.image("other")))
	p := s.tab()
	p.do("no scripts", emulation.SetScriptExecutionDisabled(true))
	p.noScripts = true
	p.open("/sign-in")
	p.signIn(s.token)
	p.fill("Search addons", "hello")
	p.click("Search")
	p.notSee(other.Name)
	p.click("Install " + hello.Name)
	p.click("Install")
	p.see("Timeline")
	p.again("Active")
	p.click("Logs")
	p.watch.allow("/favicon.ico") // which a browser wants by itself, for a text
	p.click("Show the last lines")
	p.see("app started")
	p.open("/installed")
	p.click("Disable " + hello.Name)
	p.again("Disabled")
	p.click("Uninstall " + hello.Name)
	p.click("Uninstall")
	p.again("Nothing is installed")
}

// again loads the page until it shows a text.
func (p *tab) again(text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	reload := time.NewTicker(time.Second) // what was clicked on comes first
	defer reload.Stop()
	for {
		var seen bool
		err := p.holds(ctx, &seen, shows, []any{"html", text, true})
		switch {
		case err == nil && seen:
			return
		case ctx.Err() != nil || err != nil && !pageIsGone(err):
			p.t.Fatalf("%s is loaded again and again, and never shows %q: %v", p.address(), text, err)
		}
		select {
		case <-reload.C:
			p.do("load it again", chromedp.Reload())
		default:
		}
	}
}

// hasFocus waits until the element with this text has the focus, and fails unless
// that is seen.
func (p *tab) hasFocus(text string) {
	p.t.Helper()
	p.until(text+" has the focus", `(text) => document.activeElement.textContent.trim() === text`, text)
	p.focusIsSeen()
}

// focusIsSeen fails unless the element that has the focus is in sight and marked.
func (p *tab) focusIsSeen() {
	p.t.Helper()
	p.until("the focus is seen", focusIsSeen)
}

const focusIsSeen = `() => {
	const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
	return box.width > 1 && box.height > 1 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight &&
		style.visibility === "visible" && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}`

// reachesEverything goes around the page with the tab key, and fails if that leaves
// anything out or does not show where it is.
func (p *tab) reachesEverything() {
	p.t.Helper()
	p.awaitFrame()
	// The focus goes from one to the next as it does for people; what can be used is
	// counted by the page itself.
	p.evaluate(nil, `() => {
		const usable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
		window.left = new Set([...document.querySelectorAll(usable)].filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ visibilityProperty: true })));
		for (const radio of [...window.left].filter((e) => e.type === "radio" && !e.checked)) window.left.delete(radio);
		window.unseen = [];
		document.activeElement.blur();
	}`)
	var left, unseen []string
	for range 300 {
		p.do("tab", chromedp.KeyEvent(kb.Tab))
		var done bool
		p.evaluate(&done, `() => {
			const e = document.activeElement;
			if (e === document.body || !window.left.has(e)) return e === document.body || window.left.size === 0;
			window.left.delete(e);
			if (!(`+focusIsSeen+`)()) window.unseen.push(e.cloneNode(false).outerHTML);
			return window.left.size === 0;
		}`)
		if done {
			break
		}
	}
	p.evaluate(&left, `() => [...window.left].map((e) => e.cloneNode(false).outerHTML)`)
	p.evaluate(&unseen, `() => window.unseen`)
	for _, e := range left {
		p.t.Errorf("at %s, the tab key does not lead to %s", p.address(), e)
	}
	for _, e := range unseen {
		p.t.Errorf("at %s, the focus is not seen on %s", p.address(), e)
	}
}
