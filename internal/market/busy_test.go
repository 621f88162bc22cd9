package market_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/graftplatform/graft/internal/verify"
)

// transportFunc answers requests without a network.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

// busyOnce fails once, as a verifier does whose registry asks to be left alone
// for twenty minutes.
func busyOnce(t *testing.T) func(context.Context) error {
	t.Helper()
	v := verify.New(verify.Options{Keychain: anonymous{}, Transport: transportFunc(func(*http.Request) (*http.Response, error) {
		recorder := httptest.NewRecorder()
		recorder.Header().Set("Retry-After", "1200")
		recorder.WriteHeader(http.StatusTooManyRequests)
		return recorder.Result(), nil
	})})
	var once sync.Once
	return func(ctx context.Context) (err error) {
		once.Do(func() { _, err = v.Resolve(ctx, "registry.example/busy") })
		return err
	}
}
