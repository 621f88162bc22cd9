package engine_test

import (
	"context"
	"fmt"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// nobody is the owner of a volume whose data was kept and that nobody has taken over.
const nobody = "nobody"

// ownerOf is the installation that a volume belongs to, or nobody; empty: nothing
// explains it.
func (s *seen) ownerOf(v *driver.Volume) string {
	label := v.Labels[driver.InstallationLabel]
	for _, kept := range s.kept {
		if kept.Name == v.Name && kept.MadeFor == label {
			if kept.Owner == "" {
				return nobody
			}
			return kept.Owner
		}
	}
	if inst := s.installation(v.Labels); inst != nil {
		return inst.ID
	}
	return ""
}

// noteData notes what becomes of the data of a disabled installation that is about
// to be removed.
func (m *model) noteData(id string, keepData bool) error {
	s, err := m.see()
	if err != nil {
		return err
	}
	for i := range s.Volumes {
		v := &s.Volumes[i]
		switch {
		case s.ownerOf(v) != id:
		case keepData:
			m.data[v.Name] = v.Labels[driver.InstallationLabel]
		default:
			delete(m.data, v.Name)
		}
	}
	return nil
}

// uninstallAtOnce disables and removes an installation as one wish, whatever it is doing
// just then, and waits until it is gone.
func (m *model) uninstallAtOnce(addon int, keepData bool) error {
	id := m.ids[addon]
	if id == "" {
		return nil
	}
	inst, err := m.h.store.Installation(m.ctx, id)
	if err != nil {
		return err
	}
	name := inst.Name
	if err := m.noteData(id, keepData); err != nil {
		return err
	}
	err = m.patient(func(ctx context.Context) error {
		_, err := m.h.engine.Uninstall(ctx, id, keepData)
		return err
	})
	for range 1200 {
		if err != nil {
			break
		}
		inst, err = m.h.store.Installation(m.ctx, id)
		time.Sleep(time.Second) // of the bubble
	}
	if graft.ErrorCode(err) != graft.CodeNotFound {
		return fmt.Errorf("addon %d is not gone within 20 minutes: %+v, %w", addon, inst, err)
	}
	m.ids[addon] = ""
	return m.noteMore(name, keepData)
}

// noteMore notes what became of data that an addon of that name made or took over
// between the wish to uninstall it and its end.
func (m *model) noteMore(name string, keepData bool) error {
	s, err := m.see()
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for i := range s.Volumes {
		there[s.Volumes[i].Name] = true
	}
	for _, kept := range s.kept {
		switch {
		case kept.Addon != name || kept.Owner != "":
		case there[kept.Name]:
			m.data[kept.Name] = kept.MadeFor
		case !keepData:
			delete(m.data, kept.Name)
		}
	}
	return nil
}

// lost is kept data that is there no more, or a volume that a container has and its
// addon has not; "" if there is none.
func (m *model) lost(s *seen) string {
	there := map[string]*driver.Volume{}
	for i := range s.Volumes {
		there[s.Volumes[i].Name] = &s.Volumes[i]
	}
	for name, madeFor := range m.data {
		if v := there[name]; v == nil || v.Labels[driver.InstallationLabel] != madeFor {
			return fmt.Sprintf("the data in volume %s, which was made for %s, is lost: %+v", name, madeFor, v)
		}
	}
	for _, c := range s.Containers {
		for _, mount := range c.Mounts {
			owner := c.Labels[driver.InstallationLabel]
			if v := there[mount.Source]; !mount.Bind && owner != "" && (v == nil || s.ownerOf(v) != owner) {
				return fmt.Sprintf("container %s of %s mounts volume %s, which is not its own: %+v, kept %+v", c.Name, owner, mount.Source, v, s.kept)
			}
		}
	}
	return ""
}

// removeKept removes what is kept, as somebody with a shell does who needs it no
// more. It fails if that is not just what is to be there.
func (m *model) removeKept() error {
	s, err := m.see()
	if err != nil {
		return err
	}
	for i := range s.Volumes {
		v := &s.Volumes[i]
		if m.data[v.Name] == "" || s.ownerOf(v) != nobody {
			return fmt.Errorf("volume %s is there and is not to be: %+v, kept %+v", v.Name, v.Labels, s.kept)
		}
		m.alone(func() { err = m.h.driver.RemoveVolume(m.ctx, v.Name) })
		if err != nil {
			return err
		}
	}
	return nil
}
