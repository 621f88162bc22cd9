package browser_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// open goes to a page of the site, which must be there.
func (p *tab) open(path string) {
	p.t.Helper()
	p.openWith(path, 200)
}

// openWith goes to a page that answers with a status other than 200.
func (p *tab) openWith(path string, status int) {
	p.t.Helper()
	if status >= 400 {
		p.watch.allow(fmt.Sprintf("the server responded with a status of %d", status))
	}
	p.do("open "+path, chromedp.Navigate(p.site+path))
	var got int
	p.evaluate(&got, `() => performance.getEntriesByType("navigation")[0].responseStatus`)
	if got != status {
		p.t.Fatalf("%s answers %d, want %d", path, got, status)
	}
}

// within looks at a part of the page only, which a selector names.
func (p *tab) within(selector string) *tab {
	part := *p
	part.scope = selector
	return &part
}

// see waits until all the texts are shown.
func (p *tab) see(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until(fmt.Sprintf("%q is seen", text), shows, p.scope, words(text), true)
	}
}

// notSee waits until the text is not shown.
func (p *tab) notSee(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q is not seen", text), shows, p.scope, words(text), false)
}

// shows is whether a part of the page shows a text, or does not. Parts that are to
// show nothing may be gone.
const shows = `(scope, text, wanted) => {
	const seen = document.querySelector(scope)?.innerText.split(/\s+/).join(" ").includes(text) ?? false;
	return seen === wanted;
}`

// isAt waits until the tab shows another page of the site.
func (p *tab) isAt(path string) {
	p.t.Helper()
	p.until("the page is "+path, `(path) => location.pathname + location.search === path`, path)
}

// hasTitle waits until the window is called so.
func (p *tab) hasTitle(title string) {
	p.t.Helper()
	p.until(fmt.Sprintf("the title is %q", title), `(title) => document.title === title`, title)
}

// click clicks on the one button, link or the like of this name.
func (p *tab) click(name string) {
	p.t.Helper()
	p.clickOn(name, clickable)
}

// clickOn moves the mouse to the one element of a name and clicks, as soon as nothing
// covers it.
func (p *tab) clickOn(name string, roles []string) {
	p.t.Helper()
	p.reach(name, roles, func(ctx context.Context, e element) (bool, error) {
		var at *struct{ X, Y float64 }
		if err := p.on(ctx, e, &at, whereToClick); err != nil || at == nil {
			return false, err
		}
		p.do("click on "+name, chromedp.MouseClickXY(at.X, at.Y))
		return true, nil
	})
}

// reach does something with the one element of a name, which says whether that could
// be done. Until then the element is looked for again: a page that follows what happens
// may put another one in its place at any time.
func (p *tab) reach(name string, roles []string, do func(context.Context, element) (bool, error)) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		e := p.find(name, roles)
		p.awaitFrame()
		done, err := do(ctx, e)
		switch {
		case done:
			return
		case err != nil && !pageIsGone(err):
			p.t.Fatalf("%q: %v", name, err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			p.t.Fatalf("%q: something covers it, or it does not stay: %v", name, err)
		}
	}
}

// whereToClick brings an element into sight and returns its middle, null if something
// covers that or the page has the element no more.
const whereToClick = `function () {
	const inside = (hit) => hit && (this.contains(hit) || [...(this.labels ?? [])].some((label) => label.contains(hit)));
	this.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
	// What is hidden on purpose, like the box of a styled label, is clicked on by its label.
	for (const target of [this, ...(this.labels ?? [])]) {
		const box = target.getClientRects()[0];
		if (!box) continue;
		const at = { X: box.x + box.width / 2, Y: box.y + box.height / 2 };
		if (inside(document.elementFromPoint(at.X, at.Y))) return at;
	}
	return null;
}`

// fill puts a text into the field of this name, in place of what is there.
func (p *tab) fill(name, text string) {
	p.t.Helper()
	p.clickOn(name, fillable)
	p.press("a", input.ModifierCtrl)
	if text == "" {
		p.press(kb.Delete)
		return
	}
	p.write(text)
}

// write types a text where the cursor is, all at once.
func (p *tab) write(text string) {
	p.t.Helper()
	p.awaitFrame()
	p.do("write", input.InsertText(text))
}

// press presses one key: a character, or one of the package kb. What the page does
// about that may keep a character from being typed.
func (p *tab) press(key string, modifiers ...input.Modifier) {
	p.t.Helper()
	p.awaitFrame()
	var all input.Modifier
	for _, modifier := range modifiers {
		all |= modifier
	}
	for _, r := range key {
		events := kb.Encode(r)
		down, up := events[0], events[len(events)-1]
		if len(events) == 3 && all&(input.ModifierCtrl|input.ModifierAlt|input.ModifierMeta) == 0 {
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		down.Modifiers, up.Modifiers = down.Modifiers|all, up.Modifiers|all
		p.do("press "+key, down, up)
	}
}

// tabTo presses the tab key until the element of this name has the focus, and fails
// when it went all around the page without.
func (p *tab) tabTo(name string) {
	p.t.Helper()
	e := p.find(name, append(clickable, fillable...))
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	const most = 500
	for range most {
		p.press(kb.Tab)
		var here bool
		if err := p.on(ctx, e, &here, `function () { return this === document.activeElement; }`); err != nil {
			p.t.Fatalf("tab to %q: %v", name, err)
		}
		if here {
			return
		}
	}
	p.t.Fatalf("the tab key does not lead to %q", name)
}

// choose selects an option of a list.
func (p *tab) choose(name, option string) {
	p.t.Helper()
	p.reach(name, fillable, func(ctx context.Context, e element) (bool, error) {
		var chosen bool
		err := p.on(ctx, e, &chosen, `function (text) {
			if (!this.isConnected) return false;
			const option = [...this.options].find((o) => o.label.trim() === text);
			if (!option) throw new Error("there are only: " + [...this.options].map((o) => o.label.trim()).join(", "));
			option.selected = true;
			for (const event of ["input", "change"]) this.dispatchEvent(new Event(event, { bubbles: true }));
			return true;
		}`, option)
		return chosen, err
	})
}

// upload gives a field for files some, as if they were chosen from its dialog. The
// field is found by a selector: pages hide such fields behind a nicer button.
func (p *tab) upload(selector string, files ...string) {
	p.t.Helper()
	for i, file := range files {
		absolute, err := filepath.Abs(file)
		if err != nil {
			p.t.Fatal(err)
		}
		files[i] = absolute
	}
	p.do("upload to "+selector, chromedp.SetUploadFiles(selector, files, chromedp.ByQuery))
}

// agreeTo answers dialogs that say this with yes; any other one fails the test.
func (p *tab) agreeTo(part string) {
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	p.watch.agreed = append(p.watch.agreed, part)
}

// signIn signs in with a token.
func (p *tab) signIn(token string) {
	p.t.Helper()
	form := p.within("main") // the frame leads here, too
	form.fill("Token", strings.TrimSpace(token))
	form.click("Sign in")
	p.notSee("Sign in")
}

// weighsAtMost fails if everything that was transferred so far is more.
func (p *tab) weighsAtMost(bytes int64) {
	p.t.Helper()
	p.watch.flush(p.ctx, p.t)
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	if p.watch.transferred > bytes || p.watch.transferred == 0 {
		p.t.Errorf("%d bytes were transferred, of at most %d", p.watch.transferred, bytes)
	}
}
