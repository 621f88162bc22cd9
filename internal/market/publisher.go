package market

import (
	"context"
	"time"

	"github.com/graftplatform/graft"
)

// mayChange returns why somebody may not publish, change or delete what has a
// name: it belongs to who published it first. An administrator may all the same;
// so may nobody else where it belongs to nobody.
func mayChange(by graft.Principal, name, owner string) error {
	if by.Name == owner && owner != "" || by.Role.Allows(graft.PermitAdminister) {
		return nil
	}
	return graft.Errorf(graft.CodeForbidden,
		"The name %s belongs to another publisher: choose another name, or ask an administrator whose it is.", name)
}

// Delete removes an addon, also while it is verified. Its version can't be
// published again. CodeNotFound if there is none, CodeForbidden if it is
// somebody else's.
func (m *Market) Delete(ctx context.Context, by graft.Principal, id string) error {
	addon, err := m.own(ctx, by, id)
	if err != nil {
		return err
	}
	if err := m.Store.DeleteAddon(ctx, addon.ID); err != nil {
		return err
	}
	m.Log.Info("addon deleted", "id", addon.ID, "name", addon.Name, "version", addon.Version, "by", by.Name)
	m.hub.announce(addon.ID)
	return nil
}

// own returns an addon that somebody may change.
func (m *Market) own(ctx context.Context, by graft.Principal, id string) (*graft.Addon, error) {
	addon, err := m.Addon(ctx, id)
	if err != nil {
		return nil, err
	}
	name, err := m.Store.Name(ctx, addon.Name)
	if err != nil {
		return nil, err
	}
	return addon, mayChange(by, addon.Name, name.Publisher)
}

// Yank says that a version is not to be installed any more, and why; it is
// chosen only by who names it, or its id. Errors as those of Delete.
func (m *Market) Yank(ctx context.Context, by graft.Principal, id, message string) (*graft.Addon, error) {
	return m.notice(ctx, by, id, "addon yanked", func(addon *graft.Addon, notice *graft.Notice) { addon.Yanked = notice }, message)
}

// Deprecate says what those should know who install a version all the same.
// Errors as those of Delete.
func (m *Market) Deprecate(ctx context.Context, by graft.Principal, id, message string) (*graft.Addon, error) {
	return m.notice(ctx, by, id, "addon deprecated", func(addon *graft.Addon, notice *graft.Notice) { addon.Deprecated = notice }, message)
}

// Unyank takes back that a version was yanked. Errors as those of Delete.
func (m *Market) Unyank(ctx context.Context, by graft.Principal, id string) (*graft.Addon, error) {
	return m.notice(ctx, by, id, "addon not yanked any more", func(addon *graft.Addon, _ *graft.Notice) { addon.Yanked = nil }, "")
}

// Undeprecate takes back that a version was deprecated. Errors as those of Delete.
func (m *Market) Undeprecate(ctx context.Context, by graft.Principal, id string) (*graft.Addon, error) {
	return m.notice(ctx, by, id, "addon not deprecated any more", func(addon *graft.Addon, _ *graft.Notice) { addon.Deprecated = nil }, "")
}

func (m *Market) notice(ctx context.Context, by graft.Principal, id, what string, set func(*graft.Addon, *graft.Notice), message string) (*graft.Addon, error) {
	addon, err := m.own(ctx, by, id)
	if err != nil {
		return nil, err
	}
	notice := &graft.Notice{Message: message, By: by.Name, At: time.Now().UTC().Truncate(time.Microsecond)}
	addon, err = m.Store.ChangeAddon(ctx, addon.ID, func(addon *graft.Addon) error {
		set(addon, notice)
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.Log.Info(what, "id", addon.ID, "name", addon.Name, "version", addon.Version, "by", by.Name, "message", message)
	m.hub.announce(addon.ID)
	return addon, nil
}

// Name returns whose a name is and what there is of it; CodeNotFound.
func (m *Market) Name(ctx context.Context, name string) (*graft.Name, error) {
	return m.Store.Name(ctx, name)
}

// SetPublisher gives a name to somebody else; CodeNotFound.
func (m *Market) SetPublisher(ctx context.Context, name, publisher string) (*graft.Name, error) {
	if err := m.Store.SetPublisher(ctx, name, publisher); err != nil {
		return nil, err
	}
	m.Log.Info("name given to another publisher", "name", name, "publisher", publisher)
	return m.Store.Name(ctx, name)
}

// Versions returns the versions of a name, the highest first; CodeNotFound when
// nobody ever published under it.
func (m *Market) Versions(ctx context.Context, name string) ([]graft.Version, error) {
	versions, err := m.Store.Versions(ctx, name)
	if err == nil && len(versions) == 0 {
		_, err = m.Store.Name(ctx, name)
		versions = []graft.Version{}
	}
	return versions, err
}

// Choose returns the addon of a name that a range of versions chooses, among
// those that are approved and not yanked; a yanked one only if the range is that
// version. CodeInvalid when it is no range, CodeNotFound when nothing is in it.
func (m *Market) Choose(ctx context.Context, name, versionRange string) (*graft.Addon, error) {
	wanted, err := graft.ParseVersionRange(versionRange)
	if err != nil {
		return nil, err
	}
	choices, err := m.Store.Choices(ctx, name)
	if err == nil && len(choices) == 0 {
		_, err = m.Store.Name(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	var texts []string
	var ids []string
	for _, c := range choices {
		if !c.Yanked || wanted.Exact() {
			texts, ids = append(texts, c.Version), append(ids, c.ID)
		}
	}
	i := wanted.Best(texts)
	if i < 0 {
		return nil, graft.Errorf(graft.CodeNotFound, "No approved version of addon %s is in the range %s.", name, wanted)
	}
	return m.Store.Addon(ctx, ids[i])
}
