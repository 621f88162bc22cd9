package app

import (
	"net/netip"
	"testing"

	"github.com/graftplatform/graft"
)

// opened returns an app with its ports open, and nothing behind them.
func opened(t *testing.T, o Options) *App {
	t.Helper()
	o.DataDir = t.TempDir()
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	a := &App{options: o, stopping: make(chan struct{})}
	t.Cleanup(func() { _ = a.Close() })
	if err := a.listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestLoopbackIsReachedOnlyFromLoopback(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]bool{"127.0.0.1:0": true, "0.0.0.0:0": false, "[::]:0": false} {
		a := opened(t, Options{Roles: []string{RoleMarketplace}, MarketplaceListen: listen})
		reach, err := a.reach()
		if err != nil || reach.Loopback != want || reach.Own != nil {
			t.Errorf("%s: %+v, %v", listen, reach, err)
		}
	}
}

func TestTheBuiltInRegistryIsReached(t *testing.T) {
	t.Parallel()
	for listen, others := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		a := opened(t, Options{Roles: []string{RoleMarketplace}, MarketplaceListen: "127.0.0.1:0", RegistryListen: listen})
		reach, err := a.reach()
		if err != nil {
			t.Fatal(err)
		}
		port := netip.MustParseAddrPort(a.URLs()[roleRegistry][len("http://"):]).Port()
		for address, want := range map[string]bool{"127.0.0.1": true, "127.0.0.2": others, "10.255.255.254": false} {
			if got := reach.Own(netip.AddrPortFrom(netip.MustParseAddr(address), port)); got != want {
				t.Errorf("listening on %s, %s is its own: %t", listen, address, got)
			}
			if reach.Own(netip.AddrPortFrom(netip.MustParseAddr(address), port^1)) {
				t.Error("another port is the registry's, too")
			}
		}
	}
}

func TestBadRegistriesAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	a := opened(t, Options{Roles: []string{RoleMarketplace}, MarketplaceListen: "127.0.0.1:0", AllowRegistries: []string{"http://x"}})
	if _, err := a.reach(); graft.ErrorCode(err) != graft.CodeInvalid {
		t.Error(err)
	}
}
