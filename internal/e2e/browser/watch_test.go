package browser_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// watch notes what must not happen in a tab: errors in the console, exceptions,
// what the page's own policy forbids, requests to other hosts, dialogs that nobody
// expects.
type watch struct {
	host string // the only one that may be asked

	mu          sync.Mutex
	faults      []string
	allowed     []string // parts of faults that are none
	agreed      []string // parts of the dialogs that are answered with yes
	transferred int64    // bytes
	marker      string   // what the console says last
	seen        chan struct{}
}

// watchTab watches the tab of ctx, from now on.
func watchTab(ctx context.Context, host string) *watch {
	w := &watch{host: host}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			w.said(e)
		case *runtime.EventExceptionThrown:
			w.fault("exception: %v", e.ExceptionDetails)
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError {
				w.fault("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
			}
		case *audits.EventIssueAdded:
			if policy := e.Issue.Details.ContentSecurityPolicyIssueDetails; policy != nil {
				w.fault("policy %s: %s %s", policy.ViolatedDirective, policy.ContentSecurityPolicyViolationType, policy.BlockedURL)
			}
		case *network.EventRequestWillBeSent:
			w.asked(e.Request.URL)
		case *network.EventWebSocketCreated:
			w.asked(e.URL)
		case *network.EventLoadingFinished:
			w.mu.Lock()
			w.transferred += int64(e.EncodedDataLength)
			w.mu.Unlock()
		case *page.EventJavascriptDialogOpening:
			w.dialog(ctx, e.Message)
		}
	})
	return w
}

func (w *watch) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.ContainsFunc(w.allowed, func(part string) bool { return strings.Contains(text, part) }) {
		w.faults = append(w.faults, text)
	}
}

// allow makes faults with that part in them none.
func (w *watch) allow(part string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = append(w.allowed, part)
}

func (w *watch) said(e *runtime.EventConsoleAPICalled) {
	var words []string
	for _, argument := range e.Args {
		words = append(words, strings.Trim(string(argument.Value), `"`)+argument.Description)
	}
	text := strings.Join(words, " ")
	if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert {
		w.fault("console: %s", text)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.marker != "" && text == w.marker {
		close(w.seen)
		w.marker = ""
	}
}

// asked notes a request to somebody else; a page may have data of its own.
func (w *watch) asked(address string) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		w.fault("request: %v", err)
	case u.Scheme == "data" || u.Scheme == "blob" || u.Scheme == "about" || u.Host == w.host:
	default:
		w.fault("request to another host: %s", address)
	}
}

// dialog answers at once: everything waits for that.
func (w *watch) dialog(ctx context.Context, message string) {
	w.mu.Lock()
	agreed := slices.ContainsFunc(w.agreed, func(part string) bool { return strings.Contains(message, part) })
	w.mu.Unlock()
	if !agreed {
		w.fault("dialog: %s", message)
	}
	// Not from here: this is where the answer comes in.
	go func() { _ = chromedp.Run(ctx, page.HandleJavaScriptDialog(agreed)) }() // the tab may be gone
}

// flush returns when everything that has happened in the tab is noted.
func (w *watch) flush(ctx context.Context, t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	seen := make(chan struct{})
	w.mu.Lock()
	w.marker, w.seen = "graft: everything before this is noted", seen
	marker := w.marker
	w.mu.Unlock()
	if err := chromedp.Run(ctx, chromedp.Evaluate(fmt.Sprintf("console.debug(%q)", marker), nil)); err != nil {
		t.Errorf("the tab does not answer any more: %v", err)
		return
	}
	select {
	case <-seen:
	case <-ctx.Done():
		t.Error("what happened in the tab is not told")
	}
}

// takeFaults returns what was wrong since the last time.
func (w *watch) takeFaults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	faults := w.faults
	w.faults = nil
	return faults
}
