package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/graftplatform/graft"
)

const (
	// secretPrefix begins the secrets that are issued here, so that people and
	// scanners know what they have found.
	secretPrefix = "graft_"
	secretLength = len(secretPrefix) + 2*sha256.Size

	// useEvery is how often, at most, it is saved that a token was used.
	useEvery = time.Minute
	useTime  = 10 * time.Second // for saving
)

// CreateToken makes a token: 32 random bytes, of which only the SHA-256 hash is
// kept. CodeInvalid when the request is wrong; CodeConflict when a token of that
// name is there that was not revoked.
func (a *Auth) CreateToken(ctx context.Context, request graft.TokenRequest) (*graft.IssuedToken, error) {
	if err := request.Check(); err != nil {
		return nil, err
	}
	var random [sha256.Size]byte
	rand.Read(random[:]) // never fails
	now := time.Now().UTC().Truncate(time.Microsecond)
	issued := &graft.IssuedToken{
		Token:  graft.Token{ID: graft.NewID(now), Name: request.Name, Role: request.Role, CreatedAt: now},
		Secret: secretPrefix + hex.EncodeToString(random[:]),
	}
	if request.Lasts > 0 {
		expires := now.Add(request.Lasts)
		issued.ExpiresAt = &expires
	}
	if err := a.store.CreateToken(ctx, issued.Token, hashOf(issued.Secret)); err != nil {
		return nil, err
	}
	return issued, nil
}

// Tokens returns all tokens, revoked and expired ones included, the oldest first.
func (a *Auth) Tokens(ctx context.Context) ([]graft.Token, error) { return a.store.Tokens(ctx) }

// RevokeToken ends a token at once; CodeNotFound if there is none of that id.
func (a *Auth) RevokeToken(ctx context.Context, id string) error { return a.store.RevokeToken(ctx, id) }

// holder returns who has a token that was issued here. It is looked up by its
// hash: how long that takes tells something about hashes of what was sent, and
// from these nobody gets to a secret.
func (a *Auth) holder(ctx context.Context, secret string) (graft.Principal, error) {
	unknown := graft.Errorf(graft.CodeUnauthorized, "This token is not known here: 'graft token create' makes one.")
	if len(secret) != secretLength {
		return graft.Principal{}, unknown
	}
	token, err := a.store.TokenByHash(ctx, hashOf(secret))
	now := time.Now()
	switch {
	case graft.ErrorCode(err) == graft.CodeNotFound:
		return graft.Principal{}, unknown
	case err != nil:
		return graft.Principal{}, err
	case token.RevokedAt != nil:
		return graft.Principal{}, graft.Errorf(graft.CodeUnauthorized, "This token was revoked: ask for a new one.")
	case token.ExpiresAt != nil && !now.Before(*token.ExpiresAt):
		return graft.Principal{}, graft.Errorf(graft.CodeUnauthorized, "This token has expired: ask for a new one.")
	}
	a.mu.Lock()
	a.used[token.ID] = now
	a.mu.Unlock()
	return graft.Principal{Name: token.Name, Role: token.Role}, nil
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// saveUse saves when tokens were used, every minute and when ctx ends. Requests
// do not wait for it.
func (a *Auth) saveUse(ctx context.Context) error {
	ticker := time.NewTicker(useEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			a.flushUse(ctx)
		case <-ctx.Done():
			a.flushUse(context.WithoutCancel(ctx))
			return nil
		}
	}
}

func (a *Auth) flushUse(ctx context.Context) {
	a.mu.Lock()
	used := a.used
	a.used = make(map[string]time.Time)
	a.mu.Unlock()
	if len(used) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, useTime)
	defer cancel()
	if err := a.store.TouchTokens(ctx, used); err != nil {
		a.log.WarnContext(ctx, "it was not saved when tokens were used", "error", err)
	}
}
