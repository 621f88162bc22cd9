// Package replicas_test runs several marketplaces, each a process of the real
// program, on one real PostgreSQL.
package replicas_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/pgtest"
)

const (
	replicas = 3
	addons   = 80
	patience = 5 * time.Minute
)

// Three replicas share the work. One is killed in the middle: every addon ends
// approved, and none is verified twice but those that the killed one was at.
func TestOneOfThreeIsKilled(t *testing.T) {
	t.Parallel()
	database := pgtest.Start(t).Database(t)
	images := newImages(t)
	binary := build(t)
	var running [replicas]*replica
	for i := range running {
		running[i] = start(t, binary, database)
	}
	// Only now: to build the program takes as long as the machine takes.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	images.open() // what one verification takes
	alone := publish(ctx, t, running[0].api, images, "alone")
	approved(ctx, t, running[1].api, alone)
	each := images.asked("alone")

	images.close()
	var published []*graft.Addon
	for i := range addons {
		published = append(published, publish(ctx, t, running[i%replicas].api, images, fmt.Sprint("addon-", i)))
	}
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	owners := allBusy(ctx, t, db)
	killed := running[0].kill()
	lost := map[string]bool{}
	for id, owner := range owners {
		lost[id] = strings.Contains(owner, fmt.Sprintf("-%d-", killed.Pid()))
	}
	images.open()

	// Clients of both that are left are told of all, whoever did it.
	var waiting sync.WaitGroup
	for i, addon := range published {
		waiting.Go(func() { approved(ctx, t, running[1+i%2].api, addon) })
	}
	waiting.Wait()
	for _, addon := range published {
		times := images.asked(addon.Name)
		if lost[addon.ID] && (times < each || times > 2*each) || !lost[addon.ID] && times != each {
			t.Errorf("%s, of the killed one: %t: its registry was asked %d times, where one verification takes %d",
				addon.Name, lost[addon.ID], times, each)
		}
	}
}

// allBusy waits until each replica has work, and returns who has which addon.
func allBusy(ctx context.Context, t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	const workers = 16 // of each
	for {
		owners := claims(ctx, t, db)
		if len(owners) == replicas*workers {
			each := map[string]int{}
			for _, owner := range owners {
				each[owner]++
			}
			if len(each) != replicas {
				t.Fatalf("the work is not spread: %v", each)
			}
			return owners
		}
		select {
		case <-ctx.Done():
			t.Fatalf("only %d addons are being verified", len(owners))
		case <-time.After(50 * time.Millisecond): // the database tells nobody
		}
	}
}

func claims(ctx context.Context, t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(ctx, `select addon_id, owner from verifications where owner <> ''`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	owners := map[string]string{}
	for rows.Next() {
		var id, owner string
		if err := rows.Scan(&id, &owner); err != nil {
			t.Fatal(err)
		}
		owners[id] = owner
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return owners
}

func publish(ctx context.Context, t *testing.T, api *client.Client, images *images, name string) *graft.Addon {
	t.Helper()
	addon, err := api.Publish(ctx, fmt.Appendf(nil, `{"name": %q, "services": [{"service_name": "s", "image": %q}]}`,
		name, images.host+"/"+name+":1"))
	if err != nil {
		t.Fatal(err)
	}
	return addon
}

// approved waits for it, by long polls.
func approved(ctx context.Context, t *testing.T, api *client.Client, addon *graft.Addon) {
	t.Helper()
	for addon.Status != graft.AddonApproved {
		var err error
		if addon, err = api.WaitAddon(ctx, addon.ID, addon.Revision); err != nil {
			t.Error(err)
			return
		}
		if addon.Status == graft.AddonVerificationFailed {
			t.Errorf("%s: %+v", addon.Name, addon.Verification)
			return
		}
	}
}
