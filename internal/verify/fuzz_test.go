package verify

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

// FuzzImageReference: what a descriptor may name can be asked for, and the guard
// finds its registry's host.
func FuzzImageReference(f *testing.F) {
	for _, image := range []string{
		"busybox", "docker.io/acme/web:2", "127.0.0.1:5000/hello:1", "[::1]:5000/a/b@sha256:" + strings.Repeat("a", 64), "a.b/c:d@sha256:" + strings.Repeat("0", 64),
		"localhost/x", "X/y", "registry:0/x", "registry:65535/x", "registry:/x", "index.docker.io/x", "a/../b", "a//b", "A.b:1/c", "[fe80::1%25eth0]/x", "a_b.c/d", "xn--e1aybc.example/x",
		"docker.io/x:" + strings.Repeat("t", 129), "127.0.0.1:05000/x", "a.b/" + strings.Repeat("c", 300), "-.a/b", "a@sha512:" + strings.Repeat("a", 128),
	} {
		f.Add(image)
	}
	f.Fuzz(func(t *testing.T, image string) {
		text, err := json.Marshal(map[string]any{"name": "a", "services": []any{map[string]string{"service_name": "s", "image": image}}})
		if err != nil {
			return
		}
		d, _, err := graft.ParseDescriptor(text)
		if err != nil {
			if _, err := parse(image); err != nil && graft.ErrorCode(err) != graft.CodeInvalid {
				t.Fatalf("%q: %v", image, err)
			}
			return
		}
		image = d.Services[0].Image
		asked, err := parse(image)
		if err != nil {
			t.Fatalf("a descriptor may have %q: %v", image, err)
		}
		if asked.registry() == "" || asked.name.Context().RegistryStr() == "" {
			t.Errorf("%q is in no registry", image)
		}
		if _, err := graft.PinImage(image, "sha256:"+strings.Repeat("0", 64)); err != nil {
			t.Errorf("%q can't be pinned: %v", image, err)
		}
		if strings.ContainsAny(asked.registry(), "@/ \x00\r\n") {
			t.Errorf("%q has the registry %q", image, asked.registry())
		}
	})
}

// FuzzParseRegistry: what an operator allows is what requests to it ask for, and
// nothing else.
func FuzzParseRegistry(f *testing.F) {
	for _, text := range []string{"a", "A.b:5000", "[::1]:5", "127.0.0.1", "[::ffff:1.2.3.4]", "a.", "a:", ":5", "a%2fb", "[::1%25lo]:5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRegistry(text)
		if err != nil {
			return
		}
		if r.host == "" || strings.ContainsAny(r.host, "/@ ") {
			t.Errorf("%q is the host %q", text, r.host)
		}
		port := r.port
		if port == "" {
			port = "443"
		}
		if !r.is(r.host, port) || r.is(r.host, "1"+port) || r.is("x"+r.host, port) {
			t.Errorf("%q: %+v is not itself, or another", text, r)
		}
	})
}

// FuzzIsPublic: addresses of IPv6 are no way around what holds for IPv4.
func FuzzIsPublic(f *testing.F) {
	for _, a := range []string{"127.0.0.1", "::1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2600::", "fe80::1", "8.8.8.8"} {
		address := netip.MustParseAddr(a)
		f.Add(address.AsSlice())
	}
	special := specialBlocks()
	f.Fuzz(func(t *testing.T, bytes []byte) {
		a, ok := netip.AddrFromSlice(bytes)
		if !ok || !isPublic(a, special) {
			return
		}
		plain := a.Unmap()
		if plain.IsPrivate() || plain.IsLoopback() || plain.IsLinkLocalUnicast() || plain.IsMulticast() || plain.IsUnspecified() || !plain.IsGlobalUnicast() {
			t.Errorf("%s counts as public", a)
		}
		if plain.Is4() {
			b := plain.As4()
			for _, form := range []netip.Addr{
				netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: b[0], 13: b[1], 14: b[2], 15: b[3]}),
				netip.AddrFrom16([16]byte{0x20, 0x02, b[0], b[1], b[2], b[3]}),
			} {
				if !isPublic(form, special) {
					t.Errorf("%s is public and %s is not", a, form)
				}
			}
		}
	})
}
