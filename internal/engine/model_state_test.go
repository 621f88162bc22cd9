package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/store"
)

// model is a harness to which random things happen.
type model struct {
	h      *harness
	ctx    context.Context
	before *driver.Snapshot
	ids    [addons]string    // of the installations; empty: not installed
	data   map[string]string // volumes whose data must be there: the installation that each was made for

	others []string // containers that have ports which addons want

	mu    sync.Mutex
	own   bool            // the calls are the model's
	gone  map[string]bool // images that no registry has
	fault fault
	in    int    // calls until the fault; 0: none
	calls int    // since the last step
	twice string // what answered to a name that has one owner at any time
}

func newModel(h *harness) *model {
	m := &model{h: h, ctx: context.Background(), gone: map[string]bool{}, data: map[string]string{}}
	for _, c := range modelComponents() {
		h.driver.AddContainer(c)
	}
	addBadImage(h)
	m.before = h.snapshot()
	h.driver.OnCall(func(op, target string) error { return m.meddle(op, target, false) })
	h.driver.AfterCall(func(op, target string) error { return m.meddle(op, target, true) })
	return m
}

// meddle is called at every call, before its effect and after.
func (m *model) meddle(op, target string, after bool) error {
	// The one with a host port; the other has two owners while it is handed over.
	owners := m.h.driver.Owners("oakestra", componentOf(plain))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.own {
		return nil
	}
	if len(owners) > 1 {
		m.twice = fmt.Sprintf("%v answer to one name", owners)
	}
	if m.calls++; m.calls > 10*manyCalls {
		return fake.ErrHang
	}
	if op == "pull" && m.gone[target] {
		return graft.Errorf(graft.CodeNotFound, "image %s does not exist", target)
	}
	if m.in == 0 || after != m.fault.lost || reads(op) && m.fault.lost {
		return nil
	}
	if m.in--; m.in > 0 {
		return nil
	}
	return m.fault.err
}

func (m *model) arm(f fault, in int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault, m.in = f, in
}

func (m *model) setGone(addon int, gone bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone[modelImage(addon)] = gone
}

// alone does something with the runtime that is not to fail.
func (m *model) alone(fn func()) {
	synctest.Wait()
	m.mu.Lock()
	m.own = true
	m.mu.Unlock()
	fn()
	m.mu.Lock()
	m.own = false
	m.mu.Unlock()
}

func (m *model) snapshot() (s *driver.Snapshot) {
	m.alone(func() { s = m.h.snapshot() })
	return s
}

// patient calls the engine as a client does, which gives up after a while.
func (m *model) patient(call func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(m.ctx, time.Minute)
	defer cancel()
	err := call(ctx)
	if ctx.Err() != nil || graft.ErrorCode(err) == graft.CodeUnavailable {
		return nil // the client would ask again
	}
	return err
}

func (m *model) install(addon int, descriptor string) error {
	if m.ids[addon] != "" {
		return nil
	}
	request := graft.InstallRequest{MarketplaceID: m.h.publish(descriptor), Supersede: addon == top}
	err := m.patient(func(ctx context.Context) error {
		inst, err := m.h.engine.Install(ctx, request)
		if err == nil {
			m.ids[addon] = inst.ID
		}
		return err
	})
	if rival := plain + top - addon; graft.ErrorCode(err) == graft.CodeRefused && addon <= top && m.ids[rival] != "" {
		return nil // the other one has the component
	}
	return err
}

// upgrade asks for another version. Somebody may have been faster, the engine
// included.
func (m *model) upgrade(addon, version int) error {
	if m.ids[addon] == "" {
		return nil
	}
	request := graft.InstallRequest{MarketplaceID: m.h.publish(modelVersion(addon, version))}
	err := m.patient(func(ctx context.Context) error {
		_, err := m.h.engine.Upgrade(ctx, m.ids[addon], request)
		return err
	})
	switch graft.ErrorCode(err) {
	case graft.CodeConflict, graft.CodeRefused:
		return nil
	}
	return err
}

func (m *model) want(addon int, desired graft.DesiredState) error {
	if m.ids[addon] == "" {
		return nil
	}
	return m.patient(func(ctx context.Context) error {
		_, err := m.h.engine.SetDesired(ctx, m.ids[addon], desired)
		return err
	})
}

// uninstall disables an installation, waits for that, and removes it, with its data
// or without.
func (m *model) uninstall(addon int, keepData bool) error {
	id := m.ids[addon]
	if id == "" {
		return nil
	}
	if err := m.want(addon, graft.DesiredDisabled); err != nil {
		return err
	}
	for range 1200 {
		inst, err := m.h.store.Installation(m.ctx, id)
		if err != nil {
			return err
		}
		if inst.Status != graft.StatusDisabled {
			time.Sleep(time.Second) // of the bubble
			continue
		}
		m.ids[addon] = ""
		if err := m.noteData(id, keepData); err != nil {
			return err
		}
		return m.patient(func(ctx context.Context) error {
			_, err := m.h.engine.Delete(ctx, id, keepData)
			return err
		})
	}
	inst, err := m.h.store.Installation(m.ctx, id)
	if err != nil {
		return err
	}
	return fmt.Errorf("addon %s is not disabled within 20 minutes: %+v", inst.Name, inst.Details)
}

// settle waits until everything is as it should be.
func (m *model) settle() error {
	m.mu.Lock()
	m.calls = 0
	m.mu.Unlock()
	wrong := ""
	for range 90 { // a pull that hangs takes half an hour, any other call two minutes, pauses up to five
		time.Sleep(30 * time.Second) // of the bubble
		if wrong = m.wrong(); wrong == "" {
			return nil
		}
	}
	return errors.New(wrong)
}

// seen is everything that there is.
type seen struct {
	*driver.Snapshot
	swaps    []store.Swap
	installs []graft.Installation
	kept     []store.KeptVolume
}

// wrong is what is not as it should be when the engine has settled.
func (m *model) wrong() string {
	s, err := m.see()
	if err != nil {
		return err.Error()
	}
	m.mu.Lock()
	calls, twice := m.calls, m.twice
	m.mu.Unlock()
	if twice != "" {
		return twice
	}
	if calls > 10*manyCalls {
		return "the engine never rests"
	}
	for _, c := range modelComponents() {
		if wrong := m.owners(c, s); wrong != "" {
			return wrong
		}
	}
	if wrong := m.lost(s); wrong != "" {
		return wrong
	}
	return s.unexplained()
}

func (m *model) see() (*seen, error) {
	s := &seen{Snapshot: m.snapshot()}
	var err, readErr, keptErr error
	s.swaps, err = m.h.store.Swaps(m.ctx)
	s.installs, readErr = m.h.store.Installations(m.ctx)
	s.kept, keptErr = m.h.store.KeptVolumes(m.ctx)
	return s, errors.Join(err, readErr, keptErr)
}

// unexplained is something of the engine's that nothing explains.
func (s *seen) unexplained() string {
	for _, inst := range s.installs {
		if inst.Status == graft.StatusInstalling || inst.Status == graft.StatusDisabling || inst.Desired == graft.DesiredRemoved {
			return fmt.Sprintf("addon %s is still %s: %+v", inst.Name, inst.Status, inst.Details)
		}
	}
	for _, c := range s.Containers {
		if inst := s.installation(c.Labels); c.Labels[driver.EngineLabel] != "" && (inst == nil || !isUp(inst)) {
			return fmt.Sprintf("container %s is there for nobody", c.Name)
		} else if service := c.Labels[driver.ServiceLabel]; inst != nil && c.Image != inst.Images[service] {
			return fmt.Sprintf("container %s runs %s, and %s has version %s: %v", c.Name, c.Image, inst.Name, inst.Version, inst.Images)
		}
		aside := strings.Contains(c.Name, ".graft-aside-") || strings.Contains(c.Name, ".graft-standby-")
		if aside && !slices.ContainsFunc(s.swaps, func(swap store.Swap) bool { return swap.AsideName == c.Name }) {
			return fmt.Sprintf("container %s stepped aside for nobody", c.Name)
		}
	}
	for _, n := range s.Networks {
		if n.Labels[driver.EngineLabel] != "" && s.installation(n.Labels) == nil {
			return fmt.Sprintf("network %s is there for nobody", n.Name)
		}
	}
	for _, v := range s.Volumes {
		if s.ownerOf(&v) == "" {
			return fmt.Sprintf("volume %s is there for nobody", v.Name)
		}
	}
	return ""
}

func (s *seen) installation(labels map[string]string) *graft.Installation {
	for i := range s.installs {
		if s.installs[i].ID == labels[driver.InstallationLabel] {
			return &s.installs[i]
		}
	}
	return nil
}

// isUp is whether an installation's containers are to be there.
func isUp(inst *graft.Installation) bool {
	return inst.Desired == graft.DesiredEnabled && (inst.Details == nil || !inst.Details.GaveUp)
}

// madeRoom is whether an installation's plugin made room for its component.
func madeRoom(inst *graft.Installation, service string) bool {
	return inst.Details != nil && slices.ContainsFunc(inst.Details.Withdrawn, func(x graft.Withdrawal) bool { return x.Service == service })
}

// entitled returns the installation that is to be in a component's place, ""
// for none: of those that are up the newest.
func (s *seen) entitled(component string) (id string) {
	var newest time.Time
	for _, inst := range s.installs {
		if isUp(&inst) && inst.Service(component) != nil && !madeRoom(&inst, component) && inst.CreatedAt.After(newest) {
			id, newest = inst.ID, inst.CreatedAt
		}
	}
	return id
}

// difference compares what there is with the beginning. A component that was
// removed has been made again.
func (m *model) difference() string {
	passing := cmpopts.IgnoreFields(driver.Container{}, "ID", "Addresses", "StartedAt", "FinishedAt", "CreatedAt", "Record",
		"ExitCode", "Restarts", "Error", "NetworkIDs")
	return cmp.Diff(m.before, m.snapshot(), passing, cmpopts.EquateEmpty())
}
