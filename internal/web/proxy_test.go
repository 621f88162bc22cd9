package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// behindTLS is a visitor who comes through a proxy that speaks TLS and passes on
// which host he called.
func (s *site) behindTLS() *visitor {
	s.t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}})
	s.t.Cleanup(proxy.Close)
	v := s.visitor()
	v.url, v.http.Transport = proxy.URL, proxy.Client().Transport
	return v
}

// sessionCookie is what an answer sets; nil: no cookie.
func (v *visitor) sessionCookie(header http.Header) *http.Cookie {
	v.t.Helper()
	cookies := (&http.Response{Header: header}).Cookies()
	if len(cookies) > 1 {
		v.t.Fatalf("several cookies: %v", cookies)
	}
	if len(cookies) == 0 {
		return nil
	}
	return cookies[0]
}

// Behind a proxy that speaks TLS browsers send the cookie over TLS alone, and all
// works as without one: the link, forms, the end of the session.
func TestBehindTLS(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.behindTLS()
	v.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	site, err := url.Parse(v.url)
	if err != nil {
		t.Fatal(err)
	}
	made := v.send("POST", "/sign-in/link", nil, map[string]string{"Authorization": "Bearer " + s.app.Token()})
	link := regexp.MustCompile(`/sign-in/link\?code=[A-Z0-9]{26}`).FindString(made.body)
	entered := v.send("GET", link, nil, map[string]string{"Sec-Fetch-Site": "none"})
	c := v.sessionCookie(entered.header)
	if entered.status != http.StatusSeeOther || c == nil || c.Name != "__Host-graft_session_"+site.Port() ||
		!c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
		t.Fatalf("%d, %+v", entered.status, c)
	}
	v.get("/installed").has(t, "Nothing is installed")
	if p := v.send("POST", "/sign-out", nil, map[string]string{"Origin": "https://evil.example"}); p.status != http.StatusForbidden {
		t.Errorf("a form from elsewhere: %d", p.status)
	}
	out := v.post("/sign-out", nil)
	if gone := v.sessionCookie(out.header); out.status != http.StatusSeeOther || gone == nil || gone.Name != c.Name || gone.MaxAge >= 0 || !gone.Secure {
		t.Errorf("sign-out: %d, %+v", out.status, gone)
	}
	if p := v.send("GET", "/installed", nil, map[string]string{"Cookie": c.Name + "=" + c.Value}); p.status != http.StatusSeeOther {
		t.Errorf("the cookie is still good: %d", p.status)
	}
}

// Of several proxies the one that the browser talks to counts, and nobody but who
// sends the header himself is affected by what it says.
func TestWhatProxiesSay(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	token := url.Values{"token": {s.app.Token()}}
	for said, secure := range map[string]bool{
		"https": true, "HTTPS": true, "https, http": true, " https ,http": true,
		"": false, "http": false, "http, https": false, "httpsx": false, "wss": false, ",https": false,
	} {
		v := s.visitor()
		v.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		c := v.sessionCookie(v.send("POST", "/sign-in", token, map[string]string{"X-Forwarded-Proto": said}).header)
		if c == nil || c.Secure != secure || strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("%q: %+v", said, c)
		}
	}
}

// A proxy that says of some requests only that they came encrypted has people sign in
// twice, and out once.
func TestProxyWithTwoMinds(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	said := map[string]string{"X-Forwarded-Proto": "https"}
	token := url.Values{"token": {s.app.Token()}}
	v := s.visitor()
	v.http.Jar = nil
	v.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	first := v.sessionCookie(v.send("POST", "/sign-in", token, said).header)
	second := v.sessionCookie(v.send("POST", "/sign-in", token, nil).header)
	both := map[string]string{"Cookie": first.Name + "=" + first.Value + "; " + second.Name + "=" + second.Value}
	only := func(c *http.Cookie, header map[string]string) int {
		with := map[string]string{"Cookie": c.Name + "=" + c.Value}
		for name, value := range header {
			with[name] = value
		}
		return v.send("GET", "/installed", nil, with).status
	}
	if a, b, c, d := only(first, said), only(second, nil), only(first, nil), only(second, said); a != 200 || b != 200 || c != 303 || d != 303 {
		t.Errorf("each with its own: %d and %d, with the other's: %d and %d", a, b, c, d)
	}
	v.send("POST", "/sign-out", nil, both)
	if a, b := only(first, said), only(second, nil); a != 303 || b != 303 {
		t.Errorf("signed out: %d and %d", a, b)
	}
}
