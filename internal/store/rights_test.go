package store

import (
	"context"
	"database/sql"
	"testing"

	"github.com/graftplatform/graft"
)

// An addon of before is given its rights, one that has some keeps them.
func TestRightsOfBefore(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ids := map[string]string{}
	for _, name := range []string{"plain", "known", "dangerous"} {
		addon := &graft.Addon{Descriptor: graft.Descriptor{
			Name: name, Services: []graft.Service{{Name: "a", Image: "i", Privileged: name != "plain"}},
		}}
		if err := s.CreateAddon(t.Context(), addon, nil); err != nil {
			t.Fatal(err)
		}
		ids[name] = addon.ID
	}
	forget := func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `update addons set document = json_remove(document, '$.rights', '$.risk') where name <> 'known'`)
		return err
	}
	for _, step := range []func(*sql.Tx) error{
		forget,
		func(tx *sql.Tx) error { // as if the rules were others once
			_, err := tx.ExecContext(t.Context(), `update addons set document = json_set(document, '$.rights', json('[]'), '$.risk', 'none') where name = 'known'`)
			return err
		},
		func(tx *sql.Tx) error { return addRights(context.WithoutCancel(t.Context()), tx) },
		func(tx *sql.Tx) error { return addRights(context.WithoutCancel(t.Context()), tx) }, // there is nothing to do
	} {
		if err := s.update(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]graft.RiskLevel{"plain": graft.RiskNone, "known": graft.RiskNone, "dangerous": graft.RiskCritical} {
		addon, err := s.Addon(t.Context(), ids[name])
		if err != nil || addon.Rights == nil || addon.Risk != want || (want == graft.RiskNone) != (len(addon.Rights) == 0) {
			t.Errorf("%s: %v, rights %+v, risk %q", name, err, addon.Rights, addon.Risk)
		}
	}
}
