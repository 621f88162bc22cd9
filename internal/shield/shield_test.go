package shield_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/shield"
)

// behind puts a handler that answers 200 behind a policy.
func behind(t *testing.T, p shield.Policy) http.Handler {
	t.Helper()
	return before(t, p, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
}

func before(t *testing.T, p shield.Policy, next http.HandlerFunc) http.Handler {
	t.Helper()
	p.Refuse = func(w http.ResponseWriter, _ *http.Request, err error) {
		shield.SetRetryAfter(w.Header(), err)
		status := http.StatusForbidden
		if graft.ErrorCode(err) == graft.CodeTooMany {
			status = http.StatusTooManyRequests
		}
		http.Error(w, graft.ErrorMessage(err), status)
	}
	h, err := shield.New(p, next)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// send sends a request of a client, with headers as name, value pairs.
func send(h http.Handler, method, client, host string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	r.Host, r.RemoteAddr = host, client
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	here  = "127.0.0.1:4711"
	there = "192.0.2.7:4711"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	hosts := []string{"graft.example"}
	for _, c := range []struct {
		policy     shield.Policy
		yes, never []string
	}{
		{
			shield.Policy{Loopback: true},
			[]string{"localhost", "LOCALHOST:80", "x.localhost:1", "127.0.0.1", "127.9.9.9:1", "[::1]:1", "[::1]", "[::ffff:127.0.0.1]:1", "localhost.:1", ""},
			[]string{"evil.example", "evil.example:11102", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "graft", "x@localhost", "[fd00::1]"},
		},
		{
			shield.Policy{Loopback: true, Hosts: hosts},
			[]string{"graft.example", "Graft.Example:80", "localhost"},
			[]string{"evil.example", "x.graft.example", "192.0.2.1"},
		},
		{
			shield.Policy{},
			[]string{"localhost:1", "192.0.2.1:1", "[fd00::1]:1", "marketplace:11102"},
			[]string{"evil.example", "graft.example"},
		},
		{shield.Policy{Hosts: hosts}, []string{"graft.example", "192.0.2.1", "marketplace"}, []string{"evil.example"}},
		{shield.Policy{AnyName: true}, []string{"evil.example", "192.0.2.1"}, nil},
		{shield.Policy{AnyName: true, Loopback: true}, nil, []string{"evil.example"}},
	} {
		h := behind(t, c.policy)
		for _, host := range c.yes {
			if w := send(h, "GET", here, host); w.Code != 200 {
				t.Errorf("%+v: %q: %d %s", c.policy, host, w.Code, w.Body)
			}
		}
		for _, host := range c.never {
			if w := send(h, "GET", here, host); w.Code != 403 || !strings.Contains(w.Body.String(), "--allowed-host") {
				t.Errorf("%+v: %q: %d %s", c.policy, host, w.Code, w.Body)
			}
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	dashboard := []string{"http://127.0.0.1:11103"}
	for _, c := range []struct {
		what    string
		policy  shield.Policy
		headers []string
		want    int
	}{
		{"no browser", shield.Policy{}, nil, 200},
		{"another origin", shield.Policy{}, []string{"Origin", "http://evil.example"}, 403},
		{"another site", shield.Policy{}, []string{"Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example"}, 403},
		{"the same site", shield.Policy{}, []string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:1"}, 403},
		{"a sandbox", shield.Policy{}, []string{"Origin", "null"}, 403},
		{"another port", shield.Policy{}, []string{"Origin", "http://localhost:11103"}, 403},
		{"its own page", shield.Policy{}, []string{"Origin", "http://localhost:11102"}, 200},
		{"its own page, new browser", shield.Policy{}, []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:11102"}, 200},
		{"the dashboard", shield.Policy{Origins: dashboard}, []string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:11103"}, 200},
		{"everybody", shield.Policy{Origins: []string{"*"}}, []string{"Origin", "http://evil.example"}, 200},
		{"no pages: no browser", shield.Policy{NoPages: true}, nil, 200},
		{"no pages: own page", shield.Policy{NoPages: true}, []string{"Origin", "http://localhost:11102"}, 403},
		{"no pages: but one that was chosen", shield.Policy{NoPages: true, Origins: dashboard}, []string{"Origin", dashboard[0]}, 200},
		{"no pages: form", shield.Policy{NoPages: true}, []string{"Sec-Fetch-Site", "same-origin"}, 403},
	} {
		h := behind(t, c.policy)
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			if w := send(h, method, here, "localhost:11102", c.headers...); w.Code != c.want {
				t.Errorf("%s: %s: %d %s", c.what, method, w.Code, w.Body)
			}
		}
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			if w := send(h, method, here, "localhost:11102", c.headers...); w.Code != 200 {
				t.Errorf("%s: %s: %d %s", c.what, method, w.Code, w.Body)
			}
		}
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	h := before(t, shield.Policy{Loopback: true}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Vary", "Origin")
		w.Header().Add("X-Frame-Options", "SAMEORIGIN") // must not be seen by others
	})
	for _, host := range []string{"localhost", "evil.example", "localhost"} {
		header := send(h, "GET", here, host).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", host, name, got)
			}
		}
		if values := header["X-Frame-Options"]; values[0] != "DENY" || len(values) > 2 {
			t.Errorf("%s: X-Frame-Options is %q", host, values)
		}
	}
}

func TestBadPolicies(t *testing.T) {
	t.Parallel()
	for _, p := range []shield.Policy{{Hosts: []string{"http://x"}}, {Hosts: []string{"x:80"}}, {Hosts: []string{""}}, {Origins: []string{"x"}}, {Origins: []string{"http://x/path"}}} {
		if _, err := shield.New(p, nil); graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("%+v: %v", p, err)
		}
	}
	_, err := shield.New(shield.Policy{Hosts: []string{"ann:secret@x"}}, nil)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a password is told: %v", err)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := behind(t, shield.Policy{
			AnyName: true,
			Reads:   shield.Rate{PerSecond: 100, Burst: 10},
			Changes: shield.Rate{PerSecond: .5, Burst: 3},
		})
		count := func(method, client string) (good int) {
			for range 20 {
				if w := send(h, method, client, "x"); w.Code == 200 {
					good++
				} else if w.Code != 429 || w.Header().Get("Retry-After") == "" {
					t.Fatalf("%d %v", w.Code, w.Header())
				}
			}
			return good
		}
		for _, c := range []struct {
			method, client string
			want           int
		}{
			{"GET", there, 10}, {"GET", there, 0}, {"POST", there, 3}, {"DELETE", "192.0.2.7:1", 0},
			{"POST", "192.0.2.8:1", 3}, {"POST", "[2001:db8::1]:1", 3}, {"POST", "[2001:db8::2]:1", 0}, {"POST", "[2001:db8:1::]:1", 3},
			{"POST", "[::ffff:192.0.2.9]:1", 3}, {"POST", "[::ffff:192.0.2.10]:1", 3}, {"POST", "192.0.2.10:1", 0},
			{"POST", here, 20}, {"POST", "[::1]:1", 20},
		} {
			if got := count(c.method, c.client); got != c.want {
				t.Errorf("%s by %s: %d were answered, want %d", c.method, c.client, got, c.want)
			}
		}
		if wait := send(h, "POST", there, "x").Header().Get("Retry-After"); wait != "2" {
			t.Errorf("Retry-After is %s", wait)
		}
		time.Sleep(2 * time.Second)
		if got := count("POST", there); got != 1 {
			t.Errorf("%d after two seconds", got)
		}
	})
}

// How long a client has to wait is told in whole seconds, one at least.
func TestWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for perSecond, want := range map[float64]string{100: "1", 1: "1", .4: "3", .1: "10"} {
			h := behind(t, shield.Policy{AnyName: true, Reads: shield.Rate{PerSecond: perSecond, Burst: 1}})
			send(h, "GET", there, "x")
			w := send(h, "GET", there, "x")
			if got := w.Header().Get("Retry-After"); got != want || !strings.Contains(w.Body.String(), "in "+want+"s.") {
				t.Errorf("at %g a second: %s, %s", perSecond, got, w.Body)
			}
		}
	})
}

// A client that goes on asking is remembered, however many others come.
func TestBusyClientsAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := behind(t, shield.Policy{AnyName: true, Reads: shield.Rate{PerSecond: .001, Burst: 1}})
		send(h, "GET", there, "x")
		for i := range 20000 {
			send(h, "GET", fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), "x")
			if i%1000 != 0 {
				continue
			}
			if w := send(h, "GET", there, "x"); w.Code != 429 {
				t.Fatalf("after %d others: %d", i, w.Code)
			}
		}
	})
}

// However many clients there are, and whatever they send, they are forgotten.
func TestManyClients(t *testing.T) {
	t.Parallel()
	h := behind(t, shield.Policy{AnyName: true, Reads: shield.Rate{PerSecond: 1, Burst: 1}})
	for i := range 20000 {
		client := "10." + strings.Join([]string{strconv.Itoa(i >> 16 & 255), strconv.Itoa(i >> 8 & 255), strconv.Itoa(i & 255)}, ".") + ":1"
		if w := send(h, "GET", client, "x"); w.Code != 200 {
			t.Fatalf("client %d: %d", i, w.Code)
		}
	}
	if w := send(h, "GET", "10.0.0.0:1", "x"); w.Code != 200 {
		t.Errorf("a client of long ago is remembered: %d", w.Code)
	}
}

// guarded knows the tokens "right NAME", each of whom it names, and counts how
// many were looked at before they were used.
func guarded(t *testing.T, p shield.Policy) (h http.Handler, looks *atomic.Int32) {
	t.Helper()
	looks = new(atomic.Int32)
	holder := func(r *http.Request) string {
		words := strings.Fields(r.Header.Get("Authorization"))
		if len(words) > 2 && words[1] == "right" {
			return words[2]
		}
		return ""
	}
	p.AnyName = true
	p.Holder = func(r *http.Request) string {
		looks.Add(1)
		return holder(r)
	}
	return before(t, p, func(w http.ResponseWriter, r *http.Request) {
		if !safe(r.Method) && holder(r) == "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}), looks
}

func bearer(h http.Handler, method, client, token string) int {
	return send(h, method, client, "x", "Authorization", "Bearer "+token).Code
}

func TestTokenGuessing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, looks := guarded(t, shield.Policy{})
		if bearer(h, "POST", here, "right anna") != 200 || bearer(h, "GET", here, "wrong 7") != 200 {
			t.Fatal("the first requests are not answered")
		}
		for i := range 20 {
			if code := bearer(h, "POST", here, "wrong "+strconv.Itoa(i)); code != 401 {
				t.Fatalf("guess %d: %d", i, code)
			}
		}
		if n := looks.Load(); n != 0 {
			t.Errorf("%d tokens were looked at twice", n)
		}
		for range 3 { // a right one is looked at once
			for token, want := range map[string]int{"wrong 20": 429, "wrong 7": 429, "right otto": 200, "right anna": 200} {
				if got := bearer(h, "POST", here, token); got != want {
					t.Errorf("%s: %d, want %d", token, got, want)
				}
			}
		}
		if n := looks.Load(); n != 2+3*2 {
			t.Errorf("%d tokens were looked at before they were used", n)
		}
		if code := bearer(h, "POST", there, "wrong, elsewhere"); code != 401 {
			t.Errorf("others are held back: %d", code)
		}
		if code := send(h, "POST", here, "x").Code; code != 401 {
			t.Errorf("without credentials: %d", code)
		}
		time.Sleep(2 * time.Second)
		if a, b := bearer(h, "POST", here, "wrong"), bearer(h, "POST", here, "wrong"); a != 401 || b != 429 {
			t.Errorf("after two seconds: %d, %d", a, b)
		}
	})
}

// Whatever others of an address ask for, who has a right token there has a share
// of his own; it is one, too.
func TestRightTokensHaveSharesOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _ := guarded(t, shield.Policy{Changes: shield.Rate{PerSecond: 1, Burst: 3}})
		for range 30 {
			bearer(h, "POST", there, "wrong")
		}
		for _, c := range []struct {
			token string
			want  int
		}{
			{"right anna", 200}, {"right anna", 200}, {"wrong", 429}, {"right anna", 200}, {"right anna", 429},
			{"right otto", 200}, {"wrong", 429},
		} {
			if got := bearer(h, "POST", there, c.token); got != c.want {
				t.Errorf("%s: %d, want %d", c.token, got, c.want)
			}
		}
	})
}

// A token that is none is no way around the rate, also where nobody has guessed.
func TestTokensDoNotLiftRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, _ := guarded(t, shield.Policy{Reads: shield.Rate{PerSecond: 1, Burst: 3}})
		for i, want := range []int{200, 200, 200, 429, 429} {
			if got := bearer(h, "GET", there, "wrong"); got != want {
				t.Errorf("%d: %d, want %d", i, got, want)
			}
		}
		if got := bearer(h, "GET", there, "right anna"); got != 200 {
			t.Errorf("a right one: %d", got)
		}
	})
}

// A token that was right is nobody's once it was refused.
func TestRevokedTokensAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var revoked atomic.Bool
		p := shield.Policy{AnyName: true, Holder: func(*http.Request) string {
			if revoked.Load() {
				return ""
			}
			return "anna"
		}}
		h := before(t, p, func(w http.ResponseWriter, r *http.Request) {
			if revoked.Load() || r.Header.Get("Authorization") == "Bearer wrong" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		for range 20 {
			bearer(h, "POST", here, "wrong")
		}
		bearer(h, "POST", here, "right")
		for i := range 1100 { // so many that what was remembered first is older than the rest
			bearer(h, "POST", here, "right "+strconv.Itoa(i))
		}
		for i, want := range []int{200, 401, 429} {
			if got := bearer(h, "POST", here, "right"); got != want {
				t.Errorf("%d: %d, want %d", i, got, want)
			}
			revoked.Store(true)
		}
	})
}

// However many wrong tokens come at once, few are looked at at a time, and a right
// one that comes after them gets its turn.
func TestWrongTokensWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		p := shield.Policy{AnyName: true, Holder: func(r *http.Request) string {
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(time.Millisecond)
			if strings.Contains(r.Header.Get("Authorization"), "right") {
				return "anna"
			}
			return ""
		}}
		h := before(t, p, func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.Header.Get("Authorization"), "right") {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		for range 20 {
			bearer(h, "POST", here, "wrong")
		}
		for range 400 {
			go bearer(h, "POST", here, "wrong")
		}
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		leave()
		r := httptest.NewRequestWithContext(gone, http.MethodPost, "/", nil)
		r.RemoteAddr = here
		r.Header.Set("Authorization", "Bearer right, but gone")
		left := time.Now()
		if h.ServeHTTP(httptest.NewRecorder(), r); time.Since(left) != 0 {
			t.Errorf("who is gone waited %s", time.Since(left))
		}
		begin := time.Now()
		if code := bearer(h, "POST", here, "right"); code != 200 {
			t.Errorf("the right one: %d", code)
		}
		if took := time.Since(begin); took > time.Second || most.Load() > 4 {
			t.Errorf("it took %s; %d were looked at at once", took, most.Load())
		}
		time.Sleep(time.Second)
	})
}

func safe(method string) bool { return method == http.MethodGet }

func TestPlaces(t *testing.T) {
	t.Parallel()
	p := shield.NewPlaces("streams", 4, 2)
	take := func(client string) (func(), error) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = client
		return p.Take(r)
	}
	var releases []func()
	for _, c := range []struct {
		client string
		want   graft.Code
	}{
		{there, ""}, {there, ""}, {there, graft.CodeTooMany}, {"192.0.2.8:1", ""}, {here, ""}, {here, graft.CodeUnavailable},
	} {
		release, err := take(c.client)
		if graft.ErrorCode(err) != c.want {
			t.Fatalf("%s: %v, want %q", c.client, err, c.want)
		}
		if err == nil {
			releases = append(releases, release)
			continue
		}
		header := http.Header{}
		if shield.SetRetryAfter(header, err); header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	for _, release := range releases {
		release()
	}
	for range 2 { // as if it had never had any
		release, err := take(there)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	for range 2 { // this host has no bound of its own
		if _, err := take(here); err != nil {
			t.Error(err)
		}
	}
}
