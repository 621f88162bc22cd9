package market_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/market"
)

func TestApprovedWhenEveryServicePassed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		addon := p.waitFor(p.publish("a", "one", "two", "one").ID, graft.AddonApproved)
		if addon.Verification.NextAttempt != nil || addon.Verification.Attempts != 1 || len(addon.Verification.Images) != 3 {
			t.Errorf("verification is %+v", addon.Verification)
		}
		for i, image := range addon.Verification.Images {
			if image.Service != fmt.Sprint("service", i) || image.Digest != "sha256:"+image.Image || len(image.Platforms) != 1 || image.Reason != "" {
				t.Errorf("image %d is %+v", i, image)
			}
		}
		if n := len(p.resolver.times("one")); n != 1 {
			t.Errorf("one image was asked for %d times", n)
		}
	})
}

func TestFailedWithAReasonPerService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		p.resolver.fail("gone", graft.CodeNotFound, "no such image")
		p.resolver.fail("away", graft.CodeUnavailable, "can't be reached")
		p.resolver.set("crash", func(context.Context) error { panic("boom") })
		addon := p.waitFor(p.publish("a", "good", "gone", "away", "crash").ID, graft.AddonVerificationFailed)
		var reasons []string
		for _, image := range addon.Verification.Images {
			reasons = append(reasons, fmt.Sprintf("%s %v %s", image.Image, image.Temporary, image.Reason))
		}
		want := []string{"good false ", "gone false no such image", "away true can't be reached",
			"crash false Image crash could not be verified because of a fault in the marketplace; its log says more."}
		if !slices.Equal(reasons, want) || addon.Verification.NextAttempt != nil {
			t.Errorf("reasons are %q", reasons)
		}
		time.Sleep(time.Hour) // of the bubble: nothing is tried again
		if n := len(p.resolver.times("away")); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestNoServices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		if _, err := p.Publish(t.Context(), admin(), &graft.Descriptor{Name: "a"}, nil); graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("error is %v", err)
		}
	})
}

func TestTemporaryFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		p.resolver.fail("away", graft.CodeUnavailable, "can't be reached")
		id := p.publish("a", "good", "away").ID
		time.Sleep(time.Hour)
		addon := p.settled(id)
		v := addon.Verification
		if addon.Status != graft.AddonUnderReview || v.NextAttempt == nil || !v.NextAttempt.After(time.Now()) ||
			v.Images[1].Reason != "can't be reached" || !v.Images[1].Temporary || v.Images[0].Digest == "" {
			t.Fatalf("after an hour: %+v", v)
		}
		times := p.resolver.times("away")
		if v.Attempts != len(times) || len(times) < 15 || len(times) > 60 {
			t.Fatalf("%d attempts, asked %d times", v.Attempts, len(times))
		}
		pauses := map[time.Duration]bool{}
		for i := 1; i < len(times); i++ {
			pause := times[i].Sub(times[i-1])
			pauses[pause] = true
			if bound := min(time.Second<<min(i, 20), 5*time.Minute); pause < time.Second || pause > bound+time.Millisecond {
				t.Errorf("pause %d is %s, bound %s", i, pause, bound)
			}
		}
		if len(pauses) < len(times)/2 {
			t.Errorf("no jitter: pauses are %v", slices.Sorted(maps.Keys(pauses)))
		}
		p.resolver.set("away", nil)
		p.waitFor(id, graft.AddonApproved)
		if n := len(p.resolver.times("good")); n != 1 {
			t.Errorf("what had passed was asked for %d times", n)
		}
	})
}

func TestGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{MinBackoff: time.Hour, MaxBackoff: 5 * time.Hour})
		p.resolver.fail("away", graft.CodeUnavailable, "Can't be reached.")
		start := time.Now()
		addon := p.waitFor(p.publish("a", "away").ID, graft.AddonVerificationFailed)
		if took := time.Since(start).Round(time.Second); took != 24*time.Hour {
			t.Errorf("gave up after %s", took)
		}
		image := addon.Verification.Images[0]
		if addon.Verification.NextAttempt != nil || image.Temporary || !strings.HasPrefix(image.Reason, "Can't be reached. Given up after 24h") {
			t.Errorf("image is %+v", image)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		p.resolver.set("busy", busyOnce(t))
		start := time.Now()
		p.waitFor(p.publish("a", "busy").ID, graft.AddonApproved)
		if took := time.Since(start).Round(time.Second); took != 20*time.Minute {
			t.Errorf("tried again after %s", took)
		}
	})
}

func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		hang := func(ctx context.Context) error {
			<-ctx.Done()
			return graft.WrapError(graft.CodeUnavailable, ctx.Err(), "given up")
		}
		p.resolver.set("slow", hang)
		p.resolver.fail("away", graft.CodeUnavailable, "can't be reached")
		slow, away := p.publish("a", "slow").ID, p.publish("b", "away").ID
		synctest.Wait()
		p.stop()
		p.resolver.set("slow", nil)
		p.resolver.set("away", nil)
		p.start()
		start := time.Now()
		if addon := p.waitFor(slow, graft.AddonApproved); addon.Verification.Attempts != 2 {
			t.Errorf("verification is %+v", addon.Verification)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("its own claim was taken up after %s only", took)
		}
		p.waitFor(away, graft.AddonApproved)
	})
}

func TestSlowRegistryBlocksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		release := make(chan struct{})
		p.resolver.set("slow", func(context.Context) error { <-release; return nil })
		slow := p.publish("a", "slow").ID
		p.waitFor(p.publish("b", "quick").ID, graft.AddonApproved)
		time.Sleep(time.Hour) // longer than the lease
		if addon := p.settled(slow); addon.Status != graft.AddonUnderReview {
			t.Errorf("status is %s", addon.Status)
		}
		close(release)
		p.waitFor(slow, graft.AddonApproved)
		if n := len(p.resolver.times("slow")); n != 1 {
			t.Errorf("the lease was not renewed: asked %d times", n)
		}
	})
}

// However many images of an addon are in registries that hang, a round ends.
func TestARoundEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		images := make([]string, 50)
		for i := range images {
			images[i] = fmt.Sprint("hangs", i)
			p.resolver.set(images[i], func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // as a verifier does
				defer cancel()
				<-ctx.Done()
				return graft.Errorf(graft.CodeUnavailable, "too slow")
			})
		}
		id := p.publish("a", images...).ID
		time.Sleep(3 * time.Minute)
		v := p.settled(id).Verification
		if v == nil || v.NextAttempt == nil || len(v.Images) != len(images) {
			t.Fatalf("after three minutes: %+v", v)
		}
		for _, image := range v.Images {
			if !image.Temporary || image.Reason == "" {
				t.Errorf("image %+v", image)
			}
		}
	})
}

func TestWorkersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{Workers: 3, Images: 2})
		var mu sync.Mutex
		running, most := 0, 0
		var ids []string
		for i := range 10 {
			images := make([]string, 5)
			for j := range images {
				images[j] = fmt.Sprint(i, "-", j)
				p.resolver.set(images[j], func(context.Context) error {
					mu.Lock()
					running++
					most = max(most, running)
					mu.Unlock()
					time.Sleep(time.Second)
					mu.Lock()
					running--
					mu.Unlock()
					return nil
				})
			}
			ids = append(ids, p.publish("a", images...).ID)
		}
		for _, id := range ids {
			p.waitFor(id, graft.AddonApproved)
		}
		if most != 6 {
			t.Errorf("%d images at a time, want 6", most)
		}
	})
}

func TestDeleteWhileVerified(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		release := make(chan struct{})
		p.resolver.set("slow", func(context.Context) error { <-release; return nil })
		id := p.publish("a", "slow").ID
		synctest.Wait()
		waited := make(chan error)
		go func() {
			_, err := p.WaitAddon(t.Context(), id, 1)
			waited <- err
		}()
		synctest.Wait()
		if err := p.Delete(t.Context(), admin(), strings.ToUpper(id)); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("who waited got %v", err)
		}
		close(release)
		synctest.Wait()
		if _, err := p.Addon(t.Context(), id); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("it is back: %v", err)
		}
		p.waitFor(p.publish("b", "quick").ID, graft.AddonApproved) // and the workers live
	})
}

func TestWaitAddon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		id := p.publish("a", "one").ID
		approved := p.waitFor(id, graft.AddonApproved)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		addon, err := p.WaitAddon(ctx, id, approved.Revision)
		if err != nil || addon.Revision != approved.Revision || time.Since(start) != time.Minute {
			t.Errorf("after %s: %+v, %v", time.Since(start), addon, err)
		}
		if addon, err = p.WaitAddon(ctx, id, approved.Revision); err != nil || addon.ID != id { // ctx has ended already
			t.Errorf("%+v, %v", addon, err)
		}
		for _, id := range []string{"nonsense", graft.NewID(start)} {
			if _, err := p.WaitAddon(t.Context(), id, 0); graft.ErrorCode(err) != graft.CodeNotFound {
				t.Errorf("error is %v", err)
			}
		}
	})
}

func TestEachApproved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		p.resolver.fail("gone", graft.CodeNotFound, "no such image")
		p.waitFor(p.publish("a", "one").ID, graft.AddonApproved)
		p.waitFor(p.publish("a", "gone").ID, graft.AddonVerificationFailed)
		p.waitFor(p.publish("b", "one").ID, graft.AddonApproved)
		list := func(name string) (names []string) {
			err := p.EachApproved(t.Context(), name, func(document []byte) error {
				var addon graft.Addon
				err := json.Unmarshal(document, &addon)
				names = append(names, addon.Name)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			slices.Sort(names)
			return names
		}
		if got := list(""); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("approved are %v", got)
		}
		if got := list("b"); !slices.Equal(got, []string{"b"}) {
			t.Errorf("approved of that name are %v", got)
		}
		stop := errors.New("enough")
		if err := p.EachApproved(t.Context(), "", func([]byte) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("error is %v", err)
		}
	})
}
