package browser_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/graftplatform/graft"
)

// newAddon is somebody with a token at the form for a new addon.
func (s *site) newAddon() *tab {
	s.t.Helper()
	p := s.tab()
	p.open("/publish")
	p.within("main").signIn(s.token)
	p.isAt("/publish")
	p.see("You can also drop it") // the script is there
	return p
}

// focusOn waits until what has this id has the focus.
func (p *tab) focusOn(id string) {
	p.t.Helper()
	p.until(id+" has the focus", `(id) => document.activeElement.id === id`, id)
}

// onlyAddon returns the one addon of that name.
func (s *site) onlyAddon(name string) graft.Addon {
	s.t.Helper()
	all, err := s.Addons(s.t.Context(), name)
	if err != nil || len(all) != 1 {
		s.t.Fatalf("%d addons %s, %v", len(all), name, err)
	}
	return all[0]
}

// An author fills in the form, is told what is wrong while he types, looks at the
// JSON of it, and follows how his addon is approved.
func TestPublishByForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image := s.image("hello")
	p := s.newAddon()
	p.looksGood("publish-empty")

	p.fill("Name", "my/addon")
	p.see("is not a name for an addon")
	p.until("the caret is where it was", `() => document.activeElement.id === "name" && document.activeElement.selectionStart === 8 &&
		document.activeElement.getAttribute("aria-invalid") === "true"`)
	p.fill("Name", "my-addon")
	p.notSee("is not a name for an addon")
	p.fill("Service name", "cluster_scheduler")
	p.see("this makes the addon a plugin")
	p.fill("Image", image)
	p.see("Nothing is wrong", "Plugin: replaces cluster_scheduler")
	p.click("Add port")
	p.focusOn("services.0.ports.0.key")
	p.write("80")
	p.fill("Host port 1", "x")
	p.see("is not a host port")
	p.looksGood("publish-form")

	p.click("Publish")
	p.see("It was not published")
	p.focusOn("refused")
	p.click("cluster_scheduler: Ports: Host port 1")
	p.focusOn("services.0.ports.0.value")
	p.fill("Host port 1", "8080")
	p.see("Nothing is wrong")
	p.click("JSON")
	p.within("#editor").see("8080")
	p.looksGood("publish-json")
	p.click("Form")
	p.see("Container port")
	// Whoever presses twice publishes once.
	p.evaluate(nil, `() => { const publish = document.querySelector("button[value=publish]"); publish.click(); publish.click(); }`)
	p.see("It is in the marketplace", "Approved")
	p.looksGood("publishing")
	if got := s.onlyAddon("my-addon").Services[0]; got.Image != image || got.Ports["80"] != "8080" {
		t.Errorf("published: %+v", got)
	}
	p.click("Show the addon")
	p.see("cluster_scheduler", image)
}

// An author who writes JSON sees where it is wrong, and why an addon is not
// approved; what he wrote is still there then.
func TestPublishByJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.newAddon()
	p.click("JSON")
	p.focusOnEditor()
	p.press("a", input.ModifierCtrl)
	p.write("{\n  \"name\": x\n}")
	p.see("Line 2, column 11")
	p.click("Form")
	p.see("mend it here first", "Line 2, column 11")
	p.focusOnEditor()
	p.press("a", input.ModifierCtrl)
	p.write(`{"x": 1.50, "name": "by-json", "services": [{"service_name": "s", "image": "` + s.registry + `/missing:1"}]}`)
	p.see("Unknown field")
	p.click("Form")
	p.see("x: Unknown field")
	p.click("JSON")
	p.within("#editor").see("1.50")
	p.focusOnEditor()
	p.press("a", input.ModifierCtrl)
	p.write(`{"name": "by-json", "services": [{"service_name": "s", "image": "` + s.registry + `/missing:1"}]}`)
	p.see("Nothing is wrong")
	p.click("Publish")
	p.see("Verification failed", "/missing:1")
	p.looksGood("publishing-failed")
	p.click("Edit and publish again")
	p.see("Container port")
	p.until("what was written is there", `(image) => document.getElementById("services.0.image").value === image`, s.registry+"/missing:1")
}

// focusOnEditor puts the cursor into the editor, once it is there.
func (p *tab) focusOnEditor() {
	p.t.Helper()
	p.do("click on the editor", chromedp.Click(".cm-content", chromedp.ByQuery))
}

// A file is chosen, dropped or pasted; nothing in it runs.
func TestPublishFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.newAddon()
	const hostile = `{"name": "<script>alert(1)</script>", "description": "<img src=x onerror=alert(2)>", "readme": "</textarea><script>alert(3)</script>\n", "homepage": "javascript:alert(4)", "services": [{"service_name": "\"><svg onload=alert(5)>", "image": "x", "command": ["</code><script>alert(6)</script>"], "environment": {"' onfocus='alert(7)": "a\nb"}}]}`
	file := filepath.Join(t.TempDir(), "addon.json")
	if err := os.WriteFile(file, []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	p.upload("#file", file)
	p.see("Edit in JSON", "is not a name for an addon")
	p.looksGood("publish-problems")

	p.evaluate(nil, `(text) => {
		const data = new DataTransfer();
		data.items.add(new File([text], "addon.json", { type: "application/json" }));
		document.getElementById("main").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
	}`, `{"name": "dropped", "services": [{"service_name": "one", "image": "i"}, {"service_name": "two", "image": "i"}]}`)
	p.see("Nothing is wrong")
	p.click("Move two up")
	p.focusOn("down:services.0")
	p.click("Remove service two")
	p.focusOn("add:services")
	p.press(kb.Enter)
	p.focusOn("services.1.service_name")

	p.evaluate(nil, `(text) => {
		const data = new DataTransfer();
		data.setData("text/plain", text);
		document.getElementById("main").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
	}`, `{"name": "pasted", "services": [{"service_name": "three", "image": "i"}]}`)
	p.until("the pasted one is there", `() => document.getElementById("name")?.value === "pasted"`)
}

// All of it works without scripts, too.
func TestPublishWithoutScripts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image := s.image("hello")
	p := s.newAddon()
	p.do("no scripts", chromedp.ActionFunc(emulation.SetScriptExecutionDisabled(true).Do))
	p.noScripts = true
	p.do("begin with an example", chromedp.Navigate(p.site+"/publish?example=hello"))
	visible := func(selector string) chromedp.Action { return chromedp.WaitVisible(selector, chromedp.ByQuery) }
	p.awaitFrame()
	p.do("another row", chromedp.Click(`[id="add:services.0.ports"]`, chromedp.ByQuery), visible(`[id="services.0.ports.1.key"]`))
	p.awaitFrame()
	p.do("fill in",
		chromedp.SetValue(`[id="services.0.image"]`, image, chromedp.ByQuery),
		chromedp.SendKeys(`[id="services.0.ports.1.key"]`, "90", chromedp.ByQuery),
		chromedp.SendKeys(`[id="services.0.ports.1.value"]`, "9090"+kb.Enter, chromedp.ByQuery),
		visible(`[id="services.0.ports.1.key"][value="90"]`))
	p.awaitFrame()
	p.do("publish", chromedp.Click(`button[value=publish]`, chromedp.ByQuery), visible("#live"))
	var at string
	p.do("look where that is", chromedp.Location(&at))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	addon, err := s.Addon(ctx, strings.Split(at, "/")[4])
	for err == nil && addon.Status == graft.AddonUnderReview {
		addon, err = s.WaitAddon(ctx, addon.ID, addon.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	if addon.Status != graft.AddonApproved || addon.Services[0].Ports["90"] != "9090" {
		t.Errorf("published: %+v", addon)
	}
}
