package browser_test

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// What tabs look like unless a test says otherwise, in CSS pixels.
const (
	usualWidth  = 1280
	usualHeight = 800
	narrowWidth = 360
)

// The schemes of colours that a system can be set to.
const (
	light = "light"
	dark  = "dark"
)

// tab is where somebody looks at one site. Nothing may go wrong in it: whatever
// watch notes fails the test at its end.
type tab struct {
	t     testing.TB
	ctx   context.Context
	site  string // URL
	scope string // selector of the part of the page that is looked at
	album string // directory for its pictures; empty: the test's own
	watch *watch
	// noScripts is whether those of pages don't run.
	noScripts bool
}

// newTab opens a tab of somebody who has not been at the site before.
func newTab(t testing.TB, site string) *tab {
	t.Helper()
	p := newUnwatchedTab(t, site)
	t.Cleanup(func() {
		if t.Failed() {
			p.showFailure()
		}
		p.watch.flush(p.ctx, t)
		for _, fault := range p.watch.takeFaults() {
			t.Errorf("in the browser: %s", fault)
		}
	})
	return p
}

// newUnwatchedTab leaves it to the test to look at the faults.
func newUnwatchedTab(t testing.TB, site string) *tab {
	t.Helper()
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	ctx := newWindow(t)
	p := &tab{t: t, ctx: ctx, site: strings.TrimSuffix(site, "/"), scope: "html", watch: watchTab(ctx, u.Host)}
	// The tab lives as long as the context of the first call. Each has the focus, as
	// if it were the only one.
	if err := chromedp.Run(ctx, network.Enable(), log.Enable(), audits.Enable(),
		emulation.SetFocusEmulationEnabled(true)); err != nil {
		t.Fatalf("no tab: %v", err)
	}
	p.look(light, usualWidth)
	return p
}

// newWindow opens a window with cookies of its own, which closes with the test.
func newWindow(t testing.TB) context.Context {
	t.Helper()
	browser := cdp.WithExecutor(common.chromium, chromedp.FromContext(common.chromium).Browser)
	who, err := target.CreateBrowserContext().WithDisposeOnDetach(true).Do(browser)
	if err != nil {
		t.Fatalf("no profile: %v", err)
	}
	t.Cleanup(func() {
		if err := target.DisposeBrowserContext(who).Do(browser); err != nil {
			t.Errorf("the profile is not given up: %v", err)
		}
	})
	// chromedp opens tabs; without a window of that profile there can be none.
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(who).WithNewWindow(true).Do(browser)
	if err != nil {
		t.Fatalf("no window: %v", err)
	}
	ctx, cancel := chromedp.NewContext(common.chromium, chromedp.WithTargetID(id))
	t.Cleanup(cancel)
	return ctx
}

// do runs actions, within the time that a test has.
func (p *tab) do(what string, actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// look gives the window a width, and the system a scheme of colours.
func (p *tab) look(scheme string, width int64) {
	p.t.Helper()
	p.do("look", emulation.SetDeviceMetricsOverride(width, usualHeight, 1, false),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}))
}

// fits fails if the page is wider than its window.
func (p *tab) fits() {
	p.t.Helper()
	if over := p.tooWide(); len(over) > 0 {
		p.t.Errorf("%s is wider than its window, by:\n  %s", p.address(), strings.Join(over, "\n  "))
	}
}

// tooWide returns the elements that make the page wider than its window.
func (p *tab) tooWide() []string {
	p.t.Helper()
	var over []string
	p.evaluate(&over, `() => {
		const width = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= width) return [];
		// What scrolls keeps what is in it, unless that is placed by something around both.
		const kept = (e) => {
			for (let around = e.offsetParent; around && around !== document.body; around = around.offsetParent) e = around;
			for (let around = e.parentElement; around && getComputedStyle(e).position !== "absolute"; around = around.parentElement) {
				if (around !== document.body && around !== document.documentElement && getComputedStyle(around).overflowX !== "visible") return true;
			}
			return false;
		};
		return ["the page: " + document.documentElement.scrollWidth].concat(
			[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 1 && !e.closest("svg") && !kept(e))
				.map((e) => e.cloneNode(false).outerHTML).slice(0, 10));
	}`)
	return over
}

// showFailure keeps what the page looked like.
func (p *tab) showFailure() {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	var png []byte
	var text, at string
	if err := chromedp.Run(ctx, chromedp.Location(&at), chromedp.Evaluate("document.body.innerText", &text),
		chromedp.FullScreenshot(&png, 100)); err != nil {
		p.t.Logf("the page can't be shown: %v", err)
		return
	}
	p.t.Logf("the page was %s:\n%s", at, text)
	file, err := os.CreateTemp("", "graft-test-failed-*.png")
	if err != nil {
		p.t.Log(err)
		return
	}
	defer file.Close()
	if _, err := file.Write(png); err != nil {
		p.t.Log(err)
	}
	p.t.Logf("it looked like %s", file.Name())
}
