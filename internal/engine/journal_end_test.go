package engine_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/graftplatform/graft"
)

// types follows what is told of an installation; end waits for a stream that
// ends by itself, or ends it.
func (h *harness) types(id string, after int64) (end func() (types []graft.EventType, byItself bool)) {
	ctx, cancel := context.WithCancel(context.Background())
	var types []graft.EventType
	ended := make(chan error, 1)
	go func() {
		ended <- h.engine.Events(ctx, id, after, func(event graft.Event) error {
			types = append(types, event.Type)
			return nil
		})
	}()
	synctest.Wait()
	return func() ([]graft.EventType, bool) {
		h.t.Helper()
		defer cancel()
		synctest.Wait()
		byItself := len(ended) > 0
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
		return types, byItself
	}
}

// What happens to an installation ends with its removal, also for who asks
// later, as long as its events are kept.
func TestEventsEndWithTheInstallation(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst, other := h.install(helloAddon), h.install(pluginAddon)
		h.await(inst.ID, graft.StatusActive)
		h.await(other.ID, graft.StatusActive)
		of, ofAll := h.types(inst.ID, 0), h.types("", 0)
		if _, _, end, err := h.engine.EventRange(context.Background(), inst.ID); end != 0 || err != nil {
			t.Errorf("it ends with %d while it is installed: %v", end, err)
		}
		h.delete(inst.ID)
		types, byItself := of()
		if !byItself || types[0] != graft.EventInstalled || types[len(types)-1] != graft.EventRemoved {
			t.Errorf("it ended by itself: %t, after %q", byItself, types)
		}
		if all, byItself := ofAll(); byItself || !slices.Contains(all, graft.EventRemoved) {
			t.Errorf("the stream of all ended by itself: %t, after %q", byItself, all)
		}

		if types, byItself = h.types(inst.ID, 0)(); !byItself || !slices.Contains(types, graft.EventRemoved) {
			t.Errorf("afterwards it ended by itself: %t, after %q", byItself, types)
		}
		if types, byItself = h.types(inst.ID, -1)(); !byItself || len(types) > 0 {
			t.Errorf("from now on it ended by itself: %t, after %q", byItself, types)
		}
		before, err := h.engine.EventBefore(context.Background(), inst.ID, 2)
		if types, _ = h.types(inst.ID, before)(); len(types) != 2 || err != nil {
			t.Errorf("the last two are %q: %v", types, err)
		}
		past := 0
		err = h.engine.PastEvents(context.Background(), inst.ID, 0, func(graft.Event) error { past++; return nil })
		if past == 0 || err != nil {
			t.Errorf("%d events are kept, %v", past, err)
		}
		if _, newest, end, err := h.engine.EventRange(context.Background(), inst.ID); end != newest || err != nil {
			t.Errorf("it ends with %d of %d: %v", end, newest, err)
		}
	})
}

func TestEventsOfNobody(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		const nobody = "6b0342fd771242bc7f1c506c"
		never := func(graft.Event) error { return nil }
		_, _, _, ranged := h.engine.EventRange(context.Background(), nobody)
		for _, err := range []error{ranged, h.engine.Events(context.Background(), nobody, 0, never), h.engine.PastEvents(context.Background(), nobody, 0, never)} {
			if graft.ErrorCode(err) != graft.CodeNotFound {
				t.Error(err)
			}
		}
	})
}
