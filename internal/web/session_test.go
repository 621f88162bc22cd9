package web

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
)

// as is a session of somebody.
func as(who string) *session { return &session{key: sha256.Sum256([]byte(who))} }

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(10, 10)
		ann := as("ann")
		secret, err := s.begin(ann)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // each request lets it last
			time.Sleep(sessionTime - time.Second)
			if s.find(secret) != ann {
				t.Fatal("it ended though it was used")
			}
		}
		time.Sleep(sessionTime + time.Second)
		if s.find(secret) != nil {
			t.Error("it lasts without use")
		}
		if secret, err = s.begin(ann); err != nil {
			t.Fatal(err)
		}
		s.end(secret)
		for _, none := range []string{secret, "", "guessed", secret[1:]} {
			if s.find(none) != nil {
				t.Errorf("%q is a session", none)
			}
		}
	})
}

func TestLinksAreGoodOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(10, 10)
		ann := as("ann")
		secret, err := s.link(ann)
		if err != nil {
			t.Fatal(err)
		}
		if s.find(secret) != nil {
			t.Error("a link is a session")
		}
		if s.redeem(secret) != ann || s.redeem(secret) != nil {
			t.Error("a link is not good once")
		}
		if secret, err = s.link(ann); err != nil {
			t.Fatal(err)
		}
		time.Sleep(linkTime + time.Second)
		if s.redeem(secret) != nil {
			t.Error("a link is good for more than a minute")
		}
	})
}

// Who has too many sessions loses the one that he used least lately; others keep
// theirs, and get more until there is no room at all.
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(6, 3)
		begin := func(who string) string {
			t.Helper()
			time.Sleep(time.Second)
			secret, err := s.begin(as(who))
			if err != nil {
				t.Fatal(err)
			}
			return secret
		}
		bob := begin("bob")
		var ann []string
		for range 3 {
			ann = append(ann, begin("ann"))
		}
		time.Sleep(time.Second)
		s.find(ann[0])
		ann = append(ann, begin("ann"))
		for i, want := range []bool{true, false, true, true} {
			if got := s.find(ann[i]) != nil; got != want {
				t.Errorf("session %d of ann: %t", i, got)
			}
		}
		if s.find(bob) == nil {
			t.Error("bob lost his session to ann")
		}
		begin("carl")
		begin("dora")
		if _, err := s.begin(as("eve")); graft.ErrorCode(err) != graft.CodeTooMany {
			t.Errorf("one too many: %v", err)
		}
		if _, err := s.link(as("eve")); err != nil {
			t.Errorf("links have room of their own: %v", err)
		}
		begin("ann") // in place of one of hers
		time.Sleep(sessionTime + time.Second)
		for i := range 6 {
			begin(fmt.Sprint("new", i))
		}
		if len(s.live) != 6 {
			t.Errorf("%d are kept", len(s.live))
		}
	})
}

func TestLocal(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"": "/", "/": "/", "/installed": "/installed", "/?q=a+b&kind=plugin": "/?q=a+b&kind=plugin", "/audit?before=3": "/audit?before=3",
		"https://evil.example/": "/", "//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/",
		"/%2fevil.example": "/", "javascript:alert(1)": "/", "evil.example": "/", "?x": "/", "/\t/evil.example": "/", "/\n/evil.example": "/",
		" //evil.example": "/", "http:/evil.example": "/", "/sign-in?to=/sign-in": "/", "/sign-out": "/", ":": "/",
	} {
		if got := local(to); got != want {
			t.Errorf("%q leads to %q", to, got)
		}
	}
}
