package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answers are those that a server gives, one after the other.
type answers struct {
	t    *testing.T
	next []whose
}

// RoundTrip implements http.RoundTripper.
func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(a.next) == 0 {
		a.t.Errorf("nobody should ask any more, for %s", r.URL)
		return nil, io.EOF
	}
	answer := a.next[0]
	a.next = a.next[1:]
	return answer.RoundTrip(r)
}

// Who watches a verification is told that the marketplace is away, and goes on when it
// is back; of an addon that was deleted he is told so, and that is the end.
func TestProgressWhileAway(t *testing.T) {
	t.Parallel()
	const id = "6b0342fd771242bc7f1c506c"
	addon := func(revision, status string) whose {
		return whose{200, `{"_id":"` + id + `","name":"hello","revision":` + revision + `,"status":"` + status + `"}`}
	}
	away := whose{503, `{"error_code":"unavailable","message":"the database does not answer"}`}
	for name, c := range map[string]struct {
		answers []whose
		want    []string
		takes   time.Duration
	}{
		"away": {
			[]whose{addon("1", "under_review"), away, away, addon("2", "approved")},
			[]string{"Being verified", "the database does not answer", "goes on by itself", "Approved", "event: done"}, 2 * followAgain,
		},
		"away, and nothing changed": {
			[]whose{addon("1", "under_review"), away, addon("1", "under_review"), addon("2", "approved")},
			[]string{"Being verified", "the database does not answer", "Being verified", "Approved", "event: done"}, followAgain,
		},
		"deleted": {
			[]whose{addon("1", "under_review"), {404, `{"error_code":"not_found","message":"Addon not found"}`}},
			[]string{"Being verified", "Addon not found", "event: done"}, 0,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, _ := stubbed(t)
			market := &answers{t, c.answers}
			d.Marketplace.HTTPClient = &http.Client{Transport: market}
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/publish/"+id+"/progress/live", nil)
			r.SetPathValue("id", id)
			w := httptest.NewRecorder()
			begin := time.Now()
			if err := d.progressLive(w, r, d.of(t, "ann's")); err != nil || time.Since(begin) != c.takes || len(market.next) > 0 {
				t.Errorf("%s: %v after %v, and %d answers are left", name, err, time.Since(begin), len(market.next))
			}
			rest := w.Body.String()
			for _, text := range c.want {
				_, after, found := strings.Cut(rest, text)
				if !found {
					t.Fatalf("%s: %q is not sent, or too early:\n%s", name, text, w.Body)
				}
				rest = after
			}
		})
	}
}
