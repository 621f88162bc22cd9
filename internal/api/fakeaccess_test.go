package api

import (
	"context"
	"sync"

	"github.com/graftplatform/graft"
)

// secretOnly knows one token, that of the admin.
type secretOnly struct{}

func (secretOnly) Authenticate(_ context.Context, credentials string) (graft.Principal, error) {
	if credentials != secret {
		return graft.Principal{}, graft.Errorf(graft.CodeUnauthorized, "another token")
	}
	return graft.Principal{Name: graft.PrincipalAdmin, Role: graft.RoleAdmin}, nil
}

// fakeTokens fails as the fake marketplace does.
type fakeTokens struct{ market Market }

func errOf(market Market) error {
	if fake, ok := market.(*fakeMarket); ok {
		return fake.err
	}
	return nil
}

func (f fakeTokens) CreateToken(_ context.Context, request graft.TokenRequest) (*graft.IssuedToken, error) {
	if err := errOf(f.market); err != nil {
		return nil, err
	}
	token := graft.Token{ID: someID, Name: request.Name, Role: request.Role}
	if request.Lasts > 0 {
		expires := token.CreatedAt.Add(request.Lasts)
		token.ExpiresAt = &expires
	}
	return &graft.IssuedToken{Token: token, Secret: secret}, nil
}

func (f fakeTokens) Tokens(context.Context) ([]graft.Token, error) { return nil, errOf(f.market) }

func (f fakeTokens) RevokeToken(context.Context, string) error { return errOf(f.market) }

// fakeAudit remembers entries.
type fakeAudit struct {
	market  Market
	mu      sync.Mutex
	entries []graft.AuditEntry
	asked   [2]int64 // after and limit
}

func (f *fakeAudit) Record(entry graft.AuditEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, entry)
}

func (f *fakeAudit) Audit(_ context.Context, after int64, limit int) ([]graft.AuditEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = [2]int64{after, int64(limit)}
	return f.entries, errOf(f.market)
}

func (f *fakeAudit) LastAudit(ctx context.Context, limit int) ([]graft.AuditEntry, error) {
	return f.Audit(ctx, -1, limit)
}
