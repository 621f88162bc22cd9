package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
)

func TestToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("found\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name             string
		given, url, dir  string
		want, wantInHint string
	}{
		{"this machine", "", "http://127.0.0.1:11101", dir, "found", "comes from " + dir},
		{"by name", "", "http://LOCALHOST:11101", dir, "found", ""},
		{"IPv6", "", "http://[::1]:11101", dir, "found", ""},
		{"another machine", "", "http://edge.example:11101", dir, "", "for servers on this machine only"},
		{"a name like loopback", "", "http://127.0.0.1.example", dir, "", ""},
		{"given", "given", "http://edge.example", dir, "given", "GRAFT_TOKEN"},
		{"no file", "", "http://127.0.0.1", t.TempDir(), "", "there is no "},
		{"no directory", "", "http://127.0.0.1", "", "", "set GRAFT_TOKEN"},
		{"no file at all", "", "http://127.0.0.1", filepath.Join(dir, "token"), "", "can't be read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			token := token{given: test.given}
			if got := token.forServer(test.url, test.dir); got != test.want {
				t.Errorf("got token %q, want %q", got, test.want)
			}
			if hint := token.hint(); !strings.Contains(hint, test.wantInHint) {
				t.Errorf("got hint %q", hint)
			}
		})
	}
}

func TestLifetime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90d": 90 * 24 * time.Hour, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute,
		"99999999999999d": graft.MaxTokenLife + 24*time.Hour, // which the server refuses
		"0d":              0, "-1d": 0, "1.5d": 0, "d": 0, "": 0, "3w": 0,
	} {
		if got, err := lifetime(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
