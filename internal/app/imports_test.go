package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/graftplatform/graft"

// level says how far up a package is: it may import packages of lower levels,
// and those of its own directory tree. See DESIGN.md, "Imports go one way".
func level(path string) (int, bool) {
	levels := map[string]int{
		"":         0, // the root package
		"store":    1,
		"driver":   1,
		"verify":   1,
		"probe":    1,
		"client":   1,
		"registry": 1,
		"shield":   1,
		"version":  1,
		"mongo":    1,
		"outage":   1,
		"market":   2,
		"engine":   2,
		"auth":     2,
		"audit":    2,
		"web":      2,
		"api":      3,
		"app":      4,
		"cli":      5,
		"cmd":      6,
	}
	l, ok := levels[tree(path)]
	return l, ok
}

// tree is the directory below the module, or below internal/, that a package
// lies in.
func tree(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "internal/"), "/")
	return first
}

// outside is whether a package is no part of the product's binary: it may use
// what it likes, and nothing of the product may use it.
func outside(path string) bool {
	switch tree(path) {
	case "examples", "bench", "scripts", "tools", "dockertest", "pgtest", "registrytest", "e2e":
		return true
	}
	return false
}

func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if outside(p.ImportPath) {
			continue
		}
		own, known := level(p.ImportPath)
		if !known {
			t.Errorf("%s has no level: give it one", p.ImportPath)
		}
		for _, imported := range p.Imports {
			if imported != module && !strings.HasPrefix(imported, module+"/") || tree(imported) == tree(p.ImportPath) {
				continue
			}
			theirs, known := level(imported)
			if outside(imported) || known && theirs >= own {
				t.Errorf("%s imports %s, which is not below it", p.ImportPath, imported)
			}
		}
	}
}

// The product's words depend on small parsers only.
func TestRootImportsParsersOnly(t *testing.T) {
	t.Parallel()
	parsers := []string{
		"github.com/distribution/reference", "github.com/Masterminds/semver/v3",
		"github.com/docker/go-units", "github.com/mattn/go-shellwords",
	}
	for _, p := range packages(t) {
		if p.ImportPath != module {
			continue
		}
		for _, imported := range p.Imports {
			standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
			allowed := standard
			for _, parser := range parsers {
				allowed = allowed || imported == parser
			}
			if !allowed {
				t.Errorf("the root package imports %s", imported)
			}
		}
	}
}

// The command line and the dashboard have no private path to the servers.
func TestNoPrivatePath(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if area := tree(p.ImportPath); area != "cli" && area != "web" {
			continue
		}
		for _, imported := range p.Imports {
			// The driver's words are needed for settings, its drivers are not.
			private := strings.HasPrefix(imported, module+"/internal/driver/")
			switch tree(imported) {
			case "store", "engine", "market", "verify", "api":
				private = private || strings.HasPrefix(imported, module+"/")
			}
			if private {
				t.Errorf("%s imports %s: it is to use the client", p.ImportPath, imported)
			}
		}
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports", "./...")
	command.Dir = "../.."
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []listed
	decoder := json.NewDecoder(bytes.NewReader(output))
	for {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
