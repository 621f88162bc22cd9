package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// published is an addon on its way into the marketplace.
type published struct {
	*graft.Addon
	Me     *session
	Engine bool // there is one to install it on
}

// Final is whether nothing more will happen by itself.
func (p published) Final() bool { return p.Status != graft.AddonUnderReview }

// WaitsForReview is whether a reviewer has to decide.
func (p published) WaitsForReview() bool {
	return !p.Final() && p.Verification != nil && p.Verification.WaitsForReview
}

// Reviews is whether he may decide himself.
func (p published) Reviews() bool { return p.Me.Can(client.Marketplace, graft.PermitReview) }

func (d *dashboard) progressPage(w http.ResponseWriter, r *http.Request, s *session) error {
	addon, err := s.market.Addon(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.show(w, r, s, "publishing", fmt.Sprintf(words.Publishing, addon.Name), d.published(addon, s))
}

func (d *dashboard) published(addon *graft.Addon, s *session) published {
	return published{Addon: addon, Me: s, Engine: d.Engine.URL != ""}
}

// progressLive sends how far the verification is, again whenever that changed,
// and ends when the answer is final. What keeps it from knowing is shown in its
// place meanwhile.
func (d *dashboard) progressLive(w http.ResponseWriter, r *http.Request, s *session) error {
	ctx, cancel := d.untilStopping(r.Context())
	defer cancel()
	addon, failed := s.market.Addon(ctx, r.PathValue("id"))
	if failed != nil {
		return failed
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // proxies pass it on at once
	out := newFlushed(w)
	defer out.end()
	for shown := int64(0); ; {
		text, final, err := d.progress(addon, failed, shown, s)
		if err != nil {
			return err
		}
		if _, err := out.Write(text); err != nil || final {
			return nil // the reader went away
		}
		if shown = 0; failed == nil {
			shown = addon.Revision
		} else if !wait(ctx, followAgain) {
			return nil
		}
		if addon, failed = s.market.WaitAddon(ctx, r.PathValue("id"), shown); ctx.Err() != nil {
			return nil
		}
	}
}

// progress is what there is to send of an addon, or of why it is not known, to who
// is shown a revision; and whether that is the end.
func (d *dashboard) progress(addon *graft.Addon, failed error, shown int64, s *session) (text []byte, final bool, err error) {
	var html []byte
	switch {
	case failed != nil:
		p := problemOf(failed)
		final = !p.Unreachable
		html, err = d.pages.part("problem", "live", p)
	case addon.Revision == shown:
		return []byte(": still here\n\n"), false, nil
	default:
		p := d.published(addon, s)
		final = p.Final()
		html, err = d.pages.part("publishing", "live", p)
	}
	text = message(html)
	if final {
		text = append(text, "event: done\ndata: done\n\n"...)
	}
	return text, final, err
}

// wait waits; false when ctx ended meanwhile.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
