package web

import (
	"encoding/json"
	"html/template"
	"net/http"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// shownAddon is what the page of an addon shows.
type shownAddon struct {
	listed
	Readme   template.HTML
	Versions []graft.Version
	Diagram  *diagram
	JSON     string // the descriptor
	Mine     bool   // he published it
	Me       *session
	Engine   bool // there is one to install it on
}

func (d *dashboard) addon(w http.ResponseWriter, r *http.Request, s *session) error {
	addon, err := s.market.Addon(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	versions, err := s.market.Versions(r.Context(), addon.Name)
	if err != nil && graft.ErrorCode(err) != graft.CodeNotFound {
		return err
	}
	readme, err := markdown(addon.Readme)
	if err != nil {
		return err
	}
	document, err := json.MarshalIndent(addon.Descriptor, "", "  ")
	if err != nil {
		return graft.WrapError(graft.CodeInternal, err, words.NoDescriptor)
	}
	installed, _ := d.installed(r.Context(), s)
	publisher := s.who[client.Marketplace]
	return d.show(w, r, s, "addon", addon.Name, shownAddon{
		listed: listed{addon, installed[addon.Name]}, Readme: readme, Versions: versions,
		Diagram: drawAddon(&addon.Descriptor, addon.Replaces), JSON: string(document),
		Mine: s.Can(client.Marketplace, graft.PermitPublish) && publisher.Name == addon.Publisher, Me: s, Engine: d.Engine.URL != "",
	})
}

// descriptor is an addon's descriptor as a file.
func (d *dashboard) descriptor(w http.ResponseWriter, r *http.Request, s *session) error {
	addon, err := s.market.Addon(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	document, err := json.MarshalIndent(addon.Descriptor, "", "  ")
	if err != nil {
		return graft.WrapError(graft.CodeInternal, err, words.NoDescriptor)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="addon.json"`)
	_, _ = w.Write(append(document, '\n')) // a client that went away needs no answer
	return nil
}

// Sizes of an image by platform, in the order of their names.
type platformSize struct {
	Platform string
	Size     int64
}

// Sizes returns what a pull of a service's image transfers, by platform.
func (a shownAddon) Sizes(service string) []platformSize {
	report := a.Verification.Image(service)
	if report == nil {
		return nil
	}
	var sizes []platformSize
	for _, platform := range slices.Sorted(slices.Values(report.Platforms)) {
		sizes = append(sizes, platformSize{platform, report.Sizes[platform]})
	}
	return sizes
}
