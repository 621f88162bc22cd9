package browser_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	said "github.com/graftplatform/graft/internal/web/words"
)

// Times on a page go on as the server would write them.
func TestTimesGoOn(t *testing.T) {
	t.Parallel()
	p := newSite(t).tab()
	p.open("/")
	now := time.Now().Truncate(time.Second)
	var times, want, got []string
	for _, ago := range []time.Duration{
		0, 4 * time.Second, 5 * time.Second, 59 * time.Second, time.Minute, 59 * time.Minute, time.Hour, 47 * time.Hour, 48 * time.Hour, 1000 * time.Hour,
		-4 * time.Second, -30 * time.Second, -90 * time.Minute, -72 * time.Hour,
	} {
		times = append(times, now.Add(-ago).Format(time.RFC3339))
		want = append(want, said.Ago(now.Add(-ago), now))
	}
	p.evaluate(nil, `(now, times) => {
		Date.now = () => now;
		for (const at of times) {
			const time = document.createElement("time");
			time.dateTime = at;
			document.getElementById("main").append(time);
		}
	}`, now.UnixMilli(), times)
	p.until("all times are told", `() => [...document.querySelectorAll("#main time")].every((time) => time.textContent)`)
	p.evaluate(&got, `() => [...document.querySelectorAll("#main time")].map((time) => time.textContent)`)
	if !slices.Equal(got, want) {
		t.Errorf("a page says %q, the server %q", got, want)
	}
}

// What a page has to say when the dashboard does not answer is seen then, and not
// before.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	p := newSite(t).signedIn()
	p.open("/installed")
	p.see("Nothing is installed")
	p.notSee("does not answer")
	const stale = "The dashboard does not answer. This page shows what was before, and goes on by itself when it is back."
	const unanswered = "The dashboard does not answer. Nothing was changed on this page."
	for _, c := range []struct{ event, shown, gone string }{
		{"htmx:sse:error", stale, unanswered}, {"htmx:sse:after:connection", "Nothing is installed", stale}, {"htmx:error", unanswered, stale},
	} {
		var text string
		p.evaluate(&text, `(name) => {
			document.dispatchEvent(new CustomEvent(name, { detail: {} }));
			return document.body.innerText;
		}`, c.event)
		if !strings.Contains(text, c.shown) || strings.Contains(text, c.gone) {
			t.Errorf("after %s: %s", c.event, text)
		}
	}
	p.accessible()
}
