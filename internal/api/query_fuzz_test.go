package api

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzQuery: whatever the parameters of a request are, it is answered, within
// their bounds or with what is wrong with them.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"", "since=1&timeout=1ms", "since=-1", "timeout=61s", "timeout=1e9s", "tail=9999999999999", "follow=maybe", "since=2006-01-02T15:04:05Z",
		"%zz", "a=b;c=d", "since=%00", "since=1&since=2", "after=1", "q=a&limit=5&cursor=x", "kind=plugin&sort=name&latest=1", "limit=-1", "status=x", "name=%ff", "timeout=-0", "timeout=.5s", "follow=0&tail=1&after=3",
	} {
		f.Add(query)
	}
	paths := []string{"/api/v1/addons/" + someID, "/api/v1/addons/" + someID + "/logs", "/api/v1/addons", "/api/v1/addons/" + someID + "/events", "/api/v1/marketplace/addons"}
	f.Fuzz(func(t *testing.T, raw string) {
		market, engine := newFakes()
		engine.during = func(ctx context.Context) {
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || left > maxWait {
				t.Errorf("%q waits %s", raw, left)
			}
		}
		servers := both(market, engine, Options{})
		for _, path := range paths {
			h := servers["engine"]
			if strings.HasPrefix(path, "/api/v1/marketplace") {
				h = servers["marketplace"]
			}
			r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
			r.URL.RawQuery = raw
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			switch w.Code {
			case 200, 204:
			case 422:
				var body struct {
					Errors map[string]map[string][]string `json:"errors"`
				}
				values, _ := url.ParseQuery(raw) // of what can't be parsed the rest counts
				if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
					t.Fatalf("%s?%s: %v: %s", path, raw, err, w.Body)
				}
				for name := range body.Errors["query"] {
					if values.Get(name) == "" && name != "limit" { // a cursor needs one
						t.Errorf("%s?%s: %s is wrong, and was not given", path, raw, name)
					}
				}
			default:
				t.Fatalf("%s?%s: %d %s", path, raw, w.Code, w.Body)
			}
		}
	})
}
