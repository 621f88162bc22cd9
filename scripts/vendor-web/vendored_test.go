// Package vendorweb_test checks that nobody edits vendored files by hand.
package vendorweb_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sums is the file with the checksums of a directory.
const sums = "SHA256SUMS"

// Every vendored file is what scripts/vendor-web.sh made, and has a checksum.
func TestVendoredFilesAreUnchanged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dir   string
		files string // those that need a checksum
		least int
	}{
		{"../../internal/web/static/vendor", "*", 6},
		{"../../internal/e2e/browser/testdata", "axe.*", 2},
	} {
		listed := read(t, test.dir)
		for name, want := range listed {
			content, err := os.ReadFile(filepath.Join(test.dir, name))
			if err != nil {
				t.Errorf("run scripts/vendor-web.sh: %v", err)
				continue
			}
			if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
				t.Errorf("%s is not what %s says; make it with scripts/vendor-web.sh instead of editing it", name, sums)
			}
		}
		files, err := filepath.Glob(filepath.Join(test.dir, test.files))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if name := filepath.Base(file); name != sums && listed[name] == "" {
				t.Errorf("%s has no checksum in %s/%s", name, test.dir, sums)
			}
		}
		if len(listed) < test.least {
			t.Errorf("%s/%s lists %d files only", test.dir, sums, len(listed))
		}
	}
}

// The go command leaves out of a module's zip what lies in a folder below one
// that is called vendor, as if it were somebody's package.
func TestVendorHasNoFolders(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("../../internal/web/static/vendor")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			t.Errorf("%s is a folder: \"go install\" from elsewhere would not get what is in it", entry.Name())
		}
	}
}

// The sprite has each icon of the list, and nothing else: every one costs bytes.
func TestIconsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	names, err := os.ReadFile("icons.txt")
	if err != nil {
		t.Fatal(err)
	}
	sprite, err := os.ReadFile("../../internal/web/static/icons.svg")
	if err != nil {
		t.Fatal(err)
	}
	wanted := strings.Fields(string(names))
	for _, name := range wanted {
		if !bytes.Contains(sprite, []byte(`<symbol id="`+name+`" `)) {
			t.Errorf("there is no icon %s: run scripts/vendor-web.sh", name)
		}
	}
	if n := bytes.Count(sprite, []byte("<symbol ")); n != len(wanted) {
		t.Errorf("%d icons, and %d in icons.txt", n, len(wanted))
	}
}

// read returns the checksums of a directory's files by their names.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, sums))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(content)) {
		sum, name, found := strings.Cut(strings.TrimSpace(line), "  ")
		if !found {
			t.Fatalf("%s/%s: %q is no line of sha256sum", dir, sums, line)
		}
		listed[name] = sum
	}
	return listed
}
