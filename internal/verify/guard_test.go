package verify_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/registrytest"
	"github.com/graftplatform/graft/internal/verify"
)

// reaching returns a verifier that may call what it says and finds names by that
// function, which may be nil.
func reaching(reach verify.Reach, lookUp func(name string) string) *verify.Verifier {
	return verify.New(verify.Options{Keychain: anonymous{}, Transport: verify.NewGuard(reach, names(lookUp), noProxy)})
}

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

func allow(t *testing.T, texts ...string) verify.Reach {
	t.Helper()
	var reach verify.Reach
	for _, text := range texts {
		r, err := verify.ParseRegistry(text)
		if err != nil {
			t.Fatal(err)
		}
		reach.Registries = append(reach.Registries, r)
	}
	return reach
}

// TestSSRFByReference: whatever an address is written like, it is not called.
func TestSSRFByReference(t *testing.T) {
	t.Parallel()
	v := reaching(verify.Reach{}, nil)
	for _, host := range []string{
		"127.0.0.1:1", "127.1.2.3:80", "localhost:1", "0.0.0.0:1", "10.0.0.1", "172.16.0.1:5000", "192.168.1.1", "100.64.0.1:1",
		"169.254.169.254", "169.254.169.254:80", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "224.0.0.1", "255.255.255.255:1",
		"[::1]:1", "[fd00:ec2::254]", "[fe80::1]:1", "[ff02::1]", "[::ffff:7f00:1]:1", "[::ffff:a9fe:a9fe]", "[::7f00:1]:1",
		"[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]:1", "[2001:db8::1]", "[2001:0:1::1]", "[2600::5efe:a00:1]", "[fec0::1]", "[::]:1",
	} {
		_, err := v.Resolve(t.Context(), host+"/acme/web:1")
		name := strings.TrimSuffix(host, ":80")
		wantError(t, err, graft.CodeForbidden, "--allow-registry "+name)
	}
}

// What listens at an address makes no difference to what is answered.
func TestRefusalsTellNothing(t *testing.T) {
	t.Parallel()
	open := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	const closed = "127.0.0.1:1"
	v := reaching(verify.Reach{}, nil)
	said := map[string]bool{}
	for _, host := range []string{open, closed} {
		_, err := v.Resolve(t.Context(), host+"/web")
		wantError(t, err, graft.CodeForbidden)
		said[strings.ReplaceAll(graft.ErrorMessage(err), host, "HOST")] = true
	}
	if len(said) != 1 {
		t.Errorf("open and closed ports are told apart: %v", said)
	}
}

// Only the host and port that were allowed, in whatever way they are written.
func TestAllowedRegistries(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	registrytest.Push(t, r.host+"/web:1", registrytest.Image(t, "linux/amd64"))
	port := r.host[strings.LastIndex(r.host, ":")+1:]
	local := func(string) string { return "127.0.0.1" }
	for allowed, image := range map[string]string{
		r.host:                        r.host,
		"Registry.localhost:" + port:  "registry.localhost:" + port,
		"registry.localhost.:" + port: "registry.localhost:" + port,
		"[::ffff:127.0.0.1]:" + port:  r.host,
	} {
		if _, err := reaching(allow(t, allowed), local).Resolve(t.Context(), image+"/web:1"); err != nil {
			t.Errorf("%s is allowed: %v", allowed, err)
		}
	}
	for _, allowed := range []string{"127.0.0.1", "127.0.0.1:1", "127.0.0.2:" + port, "other.localhost:" + port} {
		_, err := reaching(allow(t, allowed), local).Resolve(t.Context(), r.host+"/web:1")
		wantError(t, err, graft.CodeForbidden, "--allow-registry "+r.host)
	}
	own := verify.Reach{Own: func(a netip.AddrPort) bool { return a.String() == r.host }}
	if _, err := reaching(own, nil).Resolve(t.Context(), r.host+"/web:1"); err != nil {
		t.Errorf("the built-in registry: %v", err)
	}
}

func TestParseRegistryRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", ":5000", "host:", "host:0", "host:65536", "host:http", "http://host", "host/path", "user@host", "a b", "::1", "[::1"} {
		if r, err := verify.ParseRegistry(text); graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	}
}

// secret is a service of this host that nobody may make the marketplace call.
func secret(t *testing.T) (host string, calls *atomic.Int32) {
	t.Helper()
	calls = new(atomic.Int32)
	return serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) }), calls
}

// TestSSRFByRedirect: that a registry is allowed does not allow what it names.
func TestSSRFByRedirect(t *testing.T) {
	t.Parallel()
	target, calls := secret(t)
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		host := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				http.Redirect(w, r, "http://"+target+"/admin", status)
			}
		})
		_, err := reaching(allow(t, host), nil).Resolve(t.Context(), host+"/web:1")
		wantError(t, err, graft.CodeForbidden, "--allow-registry "+target)
	}
	if calls.Load() > 0 {
		t.Error("the redirect was followed")
	}
}

// TestSSRFByRealm: the token service that a registry names is held to the same.
func TestSSRFByRealm(t *testing.T) {
	t.Parallel()
	target, calls := secret(t)
	_, port, _ := net.SplitHostPort(target)
	for _, realm := range []string{"http://token.test:" + port, "https://token.test:" + port, "http://" + target, "file:///etc/passwd"} {
		host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
		_, err := reaching(allow(t, host), func(string) string { return "127.0.0.1" }).Resolve(t.Context(), host+"/web:1")
		if code := graft.ErrorCode(err); code != graft.CodeForbidden && code != graft.CodeUpstream {
			t.Errorf("realm %s: %v", realm, err)
		}
	}
	if calls.Load() > 0 {
		t.Error("the token service was called")
	}
}

// TestSSRFByDNSChange: a name that leads to an address that may be called, and
// at the next question to another, is not called there.
func TestSSRFByDNSChange(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // the next request looks the name up again
		if r.URL.Path != "/v2/" {
			t.Error("it was asked for the image")
		}
		asked.Add(1)
	})
	_, port, _ := net.SplitHostPort(host)
	lookUp := func(string) string {
		if asked.Load() == 0 {
			return "127.0.0.1"
		}
		return "169.254.169.254"
	}
	_, err := reaching(verify.Reach{Loopback: true}, lookUp).Resolve(t.Context(), "rebind.localhost:"+port+"/web:1")
	wantError(t, err, graft.CodeForbidden, "rebind.localhost:"+port)
	if asked.Load() == 0 {
		t.Error("the first address was not called")
	}
}

// A proxy makes the connections, so targets are looked up before it is asked.
func TestProxiesGetNoInternalTargets(t *testing.T) {
	t.Parallel()
	var targets atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		targets.Store(r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	always := func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	lookUp := func(name string) string {
		switch name {
		case "public.test.":
			return "93.184.215.14"
		case "inside.test.":
			return "10.0.0.1"
		}
		return ""
	}
	v := verify.New(verify.Options{Keychain: anonymous{}, Transport: verify.NewGuard(allow(t, "lan.test:5000"), names(lookUp), always)})
	for _, host := range []string{"inside.test", "169.254.169.254", "10.0.0.1:5000", strings.TrimPrefix(proxy.URL, "http://")} {
		_, err := v.Resolve(t.Context(), host+"/web")
		wantError(t, err, graft.CodeForbidden, "--allow-registry "+host)
	}
	for _, host := range []string{"127.1:80", "0.0x7f.1:80", "2130706433:80", "169.254.43518:80"} { // addresses to others
		if _, err := v.Resolve(t.Context(), host+"/web"); graft.ErrorCode(err) != graft.CodeForbidden {
			t.Errorf("%s: %v", host, err)
		}
	}
	if got := targets.Load(); got != nil {
		t.Errorf("the proxy was asked for %v", got)
	}
	// What is not known here may be known to the proxy.
	for _, host := range []string{"public.test:443", "unknown.test:443", "lan.test:5000"} {
		_, err := v.Resolve(t.Context(), host+"/web")
		if graft.ErrorCode(err) == graft.CodeForbidden || targets.Load() != host {
			t.Errorf("%s: %v; the proxy was asked for %v", host, err, targets.Load())
		}
	}
}

func TestPublicRegistriesHaveToEncrypt(t *testing.T) {
	t.Parallel()
	v := reaching(verify.Reach{}, func(string) string { return "93.184.215.14" })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://public.test/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = verify.TransportOf(v).RoundTrip(r)
	wantError(t, err, graft.CodeForbidden, "encrypt", "--allow-registry public.test")
}

func TestLabels(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	image := registrytest.Image(t, "linux/amd64")
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.Config.Labels = map[string]string{
		"a.title": "Web\x1b[31m\n\u202eevil", "b\r\nSet-Cookie": "x", "c.large": strings.Repeat("x", 17<<10), "\x00": "y",
	}
	for i := range 100 {
		file.Config.Labels[fmt.Sprintf("n%03d", i)] = strings.Repeat("é", 100)
	}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		t.Fatal(err)
	}
	registrytest.Push(t, r.host+"/web:1", image)
	result, err := resolve(t, r.host+"/web:1")
	if err != nil {
		t.Fatal(err)
	}
	if result.Labels["a.title"] != "Web[31mevil" || result.Labels["bSet-Cookie"] != "x" || result.Labels["n000"] == "" {
		t.Errorf("labels are %q", result.Labels)
	}
	if _, ok := result.Labels["c.large"]; ok || len(result.Labels) != 64 {
		t.Errorf("%d labels", len(result.Labels))
	}
	text, err := json.Marshal(result.Labels)
	if err != nil || len(text) > 20<<10 {
		t.Errorf("%d bytes of labels, %v", len(text), err)
	}
}

// names returns a resolver whose server answers every question for an address of
// IPv4 by a function; "" is no such name. Without a function it is the system's.
func names(lookUp func(name string) string) *net.Resolver {
	if lookUp == nil {
		return net.DefaultResolver
	}
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go nameServer(theirs, lookUp)
		return ours, nil
	}}
}

// nameServer answers one DNS message after another on a connection that is no
// datagram's: each comes after its length.
func nameServer(conn net.Conn, lookUp func(name string) string) {
	defer conn.Close()
	for {
		var length uint16
		if err := binary.Read(conn, binary.BigEndian, &length); err != nil {
			return
		}
		question := make([]byte, length)
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		answer, err := answerTo(question, lookUp)
		if err != nil {
			return
		}
		framed := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
		if _, err := conn.Write(append(framed, answer...)); err != nil {
			return
		}
	}
}

func answerTo(question []byte, lookUp func(name string) string) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	asked := m.Questions[0]
	switch address := lookUp(asked.Name.String()); {
	case address == "":
		m.RCode = dnsmessage.RCodeNameError
	case asked.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: asked.Name, Type: asked.Type, Class: asked.Class},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
		}}
	}
	return m.Pack()
}
