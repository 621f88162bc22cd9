package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/graftplatform/graft"
)

// oldDatabase makes one as the version of graft wrote it that knew no versions of
// addons.
func oldDatabase(t *testing.T, addons []graft.Addon) (dir string) {
	t.Helper()
	dir = t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	folder, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range addons {
		a.ID = graft.NewID(time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC))
		document, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tx.ExecContext(t.Context(), `insert into addons (id, name, status, revision, created_at, document) values ($1, $2, $3, 1, $4, $5)`,
			a.ID, a.Name, string(a.Status), i, string(document))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOldAddonsGetVersions(t *testing.T) {
	t.Parallel()
	addon := func(name, version, service string, status graft.AddonStatus) graft.Addon {
		return graft.Addon{Descriptor: graft.Descriptor{
			Name: name, Version: version, Services: []graft.Service{{Name: service, Image: "x"}},
		}, Status: status}
	}
	dir := oldDatabase(t, []graft.Addon{
		addon("hello", "", "web", graft.AddonApproved),
		addon("hello", "", "web", graft.AddonVerificationFailed),
		addon("it's \"quoted\"", "", "web", graft.AddonApproved),
		addon("hello", "", "web", graft.AddonApproved),
		addon("versioned", "2.0.0", "cluster_scheduler", graft.AddonApproved),
		addon("versioned", "1.0.1", "web", graft.AddonApproved),
		addon("versioned", "2.0.0", "cluster_scheduler", graft.AddonApproved),
		addon("versioned", "2.0.0", "cluster_scheduler", graft.AddonApproved),
	})
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, want := range map[string][]string{
		"hello":           {"0.0.3 latest", "0.0.2", "0.0.1"},
		"it's \"quoted\"": {"0.0.1 latest"},
		"versioned":       {"2.0.0 latest", "2.0.0-replaced.2", "2.0.0-replaced.1", "1.0.1"},
	} {
		versions, err := s.Versions(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range versions {
			text := v.Version
			if v.Latest {
				text += " latest"
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// Of those of one version the older comes before the newer.
	versions, err := s.Versions(t.Context(), "versioned")
	if err != nil || len(versions) != 4 || versions[2].ID >= versions[1].ID || versions[1].ID >= versions[0].ID {
		t.Errorf("versions: %+v, %v", versions, err)
	}
	q := graft.AddonQuery{Kind: graft.KindPlugin, Replaces: "cluster_scheduler", Limit: 10}
	if found, _, err := s.PageOfAddons(t.Context(), &q); err != nil || len(found) != 3 {
		t.Errorf("%d plugins are found, %v", len(found), err)
	}
	next := &graft.Addon{Descriptor: graft.Descriptor{Name: "hello"}}
	if err := s.CreateAddon(t.Context(), next, nil); err != nil || next.Version != "0.0.4" {
		t.Errorf("the next one is %s, %v", next.Version, err)
	}
}

// There are more of before than are read at a time.
func TestManyOldAddons(t *testing.T) {
	t.Parallel()
	const many = 4 * pageRows
	addons := make([]graft.Addon, many)
	for i := range addons {
		addons[i] = graft.Addon{Descriptor: graft.Descriptor{Name: fmt.Sprint("addon-", i/2)}, Status: graft.AddonApproved}
	}
	s, err := Open(t.Context(), oldDatabase(t, addons))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var latest int
	if err := s.read.QueryRowContext(t.Context(), `select count(*) from addons where latest and version = '0.0.2'`).Scan(&latest); err != nil || latest != many/2 {
		t.Errorf("%d are the latest, %v", latest, err)
	}
}
