package market_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/market"
)

// beside runs a second market on a place's database, and returns it and what ends
// it.
func (p *place) beside(options market.Options) (*market.Market, func()) {
	options.Store, options.Resolver = p.Store, p.resolver
	m := market.New(options)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	stop := func() {
		cancel()
		running.Wait()
	}
	return m, stop
}

// What one replica does, clients of another one are told, and what is published
// there, an idle one goes on with.
func TestReplicasNoticeEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const poll = 500 * time.Millisecond
		p := newPlace(t, market.Options{Owner: "one", Poll: poll, Workers: 1})
		other, stop := p.beside(market.Options{Owner: "two", Poll: poll, Workers: 1})
		defer stop()
		time.Sleep(time.Hour) // both are idle
		release := p.resolver.hold("held")
		held := p.publish("a", "held")
		synctest.Wait()
		// The worker of the first is busy: the second one's has to see this one.
		addon := p.publish("b", "good")
		begin := time.Now()
		for revision := addon.Revision; addon.Status != graft.AddonApproved; revision = addon.Revision {
			var err error
			if addon, err = p.WaitAddon(t.Context(), addon.ID, revision); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took > 2*poll {
			t.Errorf("noticed after %s", took)
		}
		// Who waits at the second is told what happens at the first.
		waiting := make(chan *graft.Addon)
		go func() {
			addon, err := other.WaitAddon(t.Context(), held.ID, held.Revision)
			if err != nil {
				t.Error(err)
			}
			waiting <- addon
		}()
		time.Sleep(time.Minute)
		begin = time.Now()
		release()
		if addon := <-waiting; addon.Status != graft.AddonApproved || time.Since(begin) > poll {
			t.Errorf("%s after %s", addon.Status, time.Since(begin))
		}
		// So is who waits for what is deleted.
		go func() {
			_, err := other.WaitAddon(t.Context(), held.ID, held.Revision+1)
			if graft.ErrorCode(err) != graft.CodeNotFound {
				t.Error(err)
			}
			waiting <- nil
		}()
		time.Sleep(time.Minute)
		if err := p.Delete(t.Context(), admin(), held.ID); err != nil {
			t.Fatal(err)
		}
		<-waiting
	})
}

// What a replica is at when it ends, another one does at once, not after the lease.
func TestReplicaHandsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{Owner: "one", Poll: time.Second, Workers: 1})
		release := p.resolver.hold("busy")
		p.publish("a", "busy")
		synctest.Wait()
		p.resolver.hold("held")
		addon := p.publish("b", "held")
		_, stop := p.beside(market.Options{Owner: "two", Poll: time.Second, Workers: 1})
		synctest.Wait()
		if n := len(p.resolver.times("held")); n != 1 {
			t.Fatalf("the second asked %d times", n)
		}
		stop()
		p.resolver.set("held", nil)
		release()
		begin := time.Now()
		p.waitFor(addon.ID, graft.AddonApproved)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
