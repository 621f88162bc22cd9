package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// accessTests are those of tokens and of the audit log.
func accessTests() map[string]func(*testing.T, *store.Store) {
	return map[string]func(*testing.T, *store.Store){
		"TokenRoundTrip":     tokenRoundTrip,
		"TokenNamesAreOnce":  tokenNamesAreOnce,
		"TokenRevokedStays":  tokenRevokedStays,
		"TokenUseGoesOn":     tokenUseGoesOn,
		"AuditRoundTrip":     auditRoundTrip,
		"AuditComesInOrder":  auditComesInOrder,
		"AuditOfNothingIsOK": auditOfNothing,
	}
}

func newToken(name string) graft.Token {
	created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return graft.Token{ID: graft.NewID(created), Name: name, Role: graft.RolePublisher, CreatedAt: created}
}

func tokenRoundTrip(t *testing.T, s *store.Store) {
	forever, expires := newToken("ann"), newToken("bob")
	at := expires.CreatedAt.Add(time.Hour)
	expires.ExpiresAt = &at
	noError(t, s.CreateToken(t.Context(), forever, "hash a"))
	noError(t, s.CreateToken(t.Context(), expires, "hash b"))
	equal(t, *must(s.TokenByHash(t.Context(), "hash a"))(t), forever)
	equal(t, *must(s.TokenByHash(t.Context(), "hash b"))(t), expires)
	_, err := s.TokenByHash(t.Context(), "hash c")
	wantCode(t, err, graft.CodeNotFound)
	equal(t, len(must(s.Tokens(t.Context()))(t)), 2)
}

func tokenNamesAreOnce(t *testing.T, s *store.Store) {
	first := newToken("ann")
	noError(t, s.CreateToken(t.Context(), first, "hash a"))
	wantCode(t, s.CreateToken(t.Context(), newToken("ann"), "hash b"), graft.CodeConflict)
	noError(t, s.RevokeToken(t.Context(), first.ID))
	noError(t, s.CreateToken(t.Context(), newToken("ann"), "hash b"))
}

func tokenRevokedStays(t *testing.T, s *store.Store) {
	token := newToken("ann")
	noError(t, s.CreateToken(t.Context(), token, "hash a"))
	noError(t, s.RevokeToken(t.Context(), token.ID))
	revoked := must(s.TokenByHash(t.Context(), "hash a"))(t).RevokedAt
	if revoked == nil || time.Since(*revoked) > time.Minute {
		t.Fatalf("revoked at %v", revoked)
	}
	noError(t, s.RevokeToken(t.Context(), token.ID))
	equal(t, must(s.Tokens(t.Context()))(t)[0].RevokedAt, revoked)
	wantCode(t, s.RevokeToken(t.Context(), graft.NewID(time.Now())), graft.CodeNotFound)
}

func tokenUseGoesOn(t *testing.T, s *store.Store) {
	token := newToken("ann")
	noError(t, s.CreateToken(t.Context(), token, "hash a"))
	later := token.CreatedAt.Add(time.Hour)
	for _, at := range []time.Time{later, token.CreatedAt} { // it never goes back
		noError(t, s.TouchTokens(t.Context(), map[string]time.Time{token.ID: at, "unknown": at}))
		equal(t, must(s.TokenByHash(t.Context(), "hash a"))(t).LastUsedAt, &later)
	}
}

func auditRoundTrip(t *testing.T, s *store.Store) {
	entry := graft.AuditEntry{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Principal: "ann", Role: graft.RolePublisher,
		Action: "POST /api/v1/addons", Target: "/api/v1/addons/x", From: "127.0.0.1", Status: 403,
		ErrorCode: graft.CodeForbidden, Count: 7,
	}
	noError(t, s.AppendAudit(t.Context(), []graft.AuditEntry{entry}))
	entry.ID = 1
	equal(t, must(s.Audit(t.Context(), 0, 10))(t), []graft.AuditEntry{entry})
}

func auditComesInOrder(t *testing.T, s *store.Store) {
	for _, actions := range [][]string{{"a", "b"}, {"c"}, {"d", "e"}} {
		var entries []graft.AuditEntry
		for _, action := range actions {
			entries = append(entries, graft.AuditEntry{Action: action})
		}
		noError(t, s.AppendAudit(t.Context(), entries))
	}
	for _, c := range []struct {
		entries []graft.AuditEntry
		want    string
	}{
		{must(s.Audit(t.Context(), 0, 10))(t), "abcde"},
		{must(s.Audit(t.Context(), 2, 2))(t), "cd"},
		{must(s.Audit(t.Context(), 5, 2))(t), ""},
		{must(s.LastAudit(t.Context(), 2))(t), "de"},
		{must(s.LastAudit(t.Context(), 10))(t), "abcde"},
	} {
		var got string
		for _, entry := range c.entries {
			got += entry.Action
		}
		equal(t, got, c.want)
		if !slices.IsSortedFunc(c.entries, func(a, b graft.AuditEntry) int { return int(a.ID - b.ID) }) {
			t.Errorf("ids of %s are not in order", got)
		}
	}
}

func auditOfNothing(t *testing.T, s *store.Store) {
	noError(t, s.AppendAudit(t.Context(), nil))
	equal(t, len(must(s.LastAudit(t.Context(), 10))(t)), 0)
}
