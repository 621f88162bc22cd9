package auth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/auth"
	"github.com/graftplatform/graft/internal/store"
)

const adminToken = "0123456789abcdef0123456789abcdef"

func newAuth(t *testing.T) (*auth.Auth, *store.Store) {
	t.Helper()
	db, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return auth.New(auth.Options{Store: db, Admin: adminToken}), db
}

func create(t *testing.T, a *auth.Auth, request graft.TokenRequest) *graft.IssuedToken {
	t.Helper()
	issued, err := a.CreateToken(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// who fails unless credentials are those of who is wanted; nobody: "".
func who(t *testing.T, a *auth.Auth, credentials, want string) {
	t.Helper()
	p, err := a.Authenticate(t.Context(), credentials)
	switch {
	case want == "" && graft.ErrorCode(err) != graft.CodeUnauthorized:
		t.Errorf("%q is that of %v, %v", credentials, p, err)
	case want != "" && (err != nil || p.Name+" "+string(p.Role) != want):
		t.Errorf("%q is that of %v, %v; want %s", credentials, p, err, want)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	a, db := newAuth(t)
	ann := create(t, a, graft.TokenRequest{Name: "ann", Role: graft.RolePublisher})
	if len(ann.Secret) != len("graft_")+64 || !strings.HasPrefix(ann.Secret, "graft_") {
		t.Errorf("the secret is %q", ann.Secret)
	}
	who(t, a, ann.Secret, "ann publisher")
	who(t, a, adminToken, "admin admin")
	for _, credentials := range []string{
		"", "x", adminToken[1:], adminToken + "0", ann.Secret[1:], ann.Secret + "0", ann.Secret[:20], strings.ToUpper(ann.Secret),
		"graft_" + strings.Repeat("0", 64), "a.b.c", ann.ID, ann.Name,
	} {
		who(t, a, credentials, "")
	}

	// It counts at once when it is revoked.
	if err := a.RevokeToken(t.Context(), ann.ID); err != nil {
		t.Fatal(err)
	}
	who(t, a, ann.Secret, "")
	again := create(t, a, graft.TokenRequest{Name: "ann", Role: graft.RoleViewer})
	who(t, a, ann.Secret, "")
	who(t, a, again.Secret, "ann viewer")

	// And when it expires.
	short := create(t, a, graft.TokenRequest{Name: "short", Role: graft.RoleViewer, Lasts: time.Nanosecond})
	who(t, a, short.Secret, "")
	long := create(t, a, graft.TokenRequest{Name: "long", Role: graft.RoleViewer, Lasts: time.Hour})
	who(t, a, long.Secret, "long viewer")

	tokens, err := a.Tokens(t.Context())
	if err != nil || len(tokens) != 4 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
	// A store that is away is no reason to think that nobody has the token.
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), long.Secret); err == nil || graft.ErrorCode(err) == graft.CodeUnauthorized {
		t.Errorf("without a database: %v", err)
	}
}

// Without a token of the data directory nobody is its holder.
func TestNoAdmin(t *testing.T) {
	t.Parallel()
	who(t, auth.New(auth.Options{}), "", "")
}

func TestTokenRequests(t *testing.T) {
	t.Parallel()
	a, _ := newAuth(t)
	for _, request := range []graft.TokenRequest{
		{}, {Name: "ann"}, {Role: graft.RoleViewer}, {Name: "ann", Role: "king"},
		{Name: "admin", Role: graft.RoleViewer}, {Name: "Admin", Role: graft.RoleViewer}, {Name: "anonymous", Role: graft.RoleViewer},
		{Name: "oidc:ann", Role: graft.RoleViewer}, {Name: "-x", Role: graft.RoleViewer}, {Name: "a b", Role: graft.RoleViewer},
		{Name: "ann\n", Role: graft.RoleViewer}, {Name: strings.Repeat("a", 64), Role: graft.RoleViewer},
		{Name: "ann", Role: graft.RoleViewer, Lasts: -1}, {Name: "ann", Role: graft.RoleViewer, Lasts: graft.MaxTokenLife + 1},
	} {
		if _, err := a.CreateToken(t.Context(), request); graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("%+v: %v", request, err)
		}
	}
	create(t, a, graft.TokenRequest{Name: strings.Repeat("a", 63), Role: graft.RoleAdmin, Lasts: graft.MaxTokenLife})
	create(t, a, graft.TokenRequest{Name: "ci@build-1.example_x", Role: graft.RoleAdmin})
	if _, err := a.CreateToken(t.Context(), graft.TokenRequest{Name: "ci@build-1.example_x", Role: graft.RoleViewer}); graft.ErrorCode(err) != graft.CodeConflict {
		t.Errorf("the same name again: %v", err)
	}
}

// Requests don't wait until it is written that a token was used.
func TestLastUse(t *testing.T) {
	t.Parallel()
	a, _ := newAuth(t)
	ann := create(t, a, graft.TokenRequest{Name: "ann", Role: graft.RoleViewer})
	lastUsed := func() *time.Time {
		t.Helper()
		tokens, err := a.Tokens(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return tokens[0].LastUsedAt
	}
	who(t, a, ann.Secret, "ann viewer")
	if at := lastUsed(); at != nil {
		t.Errorf("used at %v before anything was saved", at)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
	if at := lastUsed(); at == nil || time.Since(*at) > time.Minute {
		t.Errorf("used at %v", at)
	}
}
