package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// reviewList is what waits for a reviewer, the oldest first.
type reviewList struct {
	Addons []graft.Addon
	More   bool // there are more than these
	Me     *session
}

func (d *dashboard) reviewPage(w http.ResponseWriter, r *http.Request, s *session) error {
	page, err := s.market.Search(r.Context(), graft.AddonQuery{
		Status: graft.AddonUnderReview, Waiting: true, Sort: graft.SortOldest, Limit: addonsShown,
	})
	if err != nil {
		return err
	}
	return d.show(w, r, s, "review", words.Review, reviewList{page.Addons, page.Next != "", s})
}

// review decides about an addon as it was when the reviewer looked at it.
func (d *dashboard) review(decide func(*client.Client, context.Context, string, graft.ReviewRequest) (*graft.Addon, error)) handler {
	return func(w http.ResponseWriter, r *http.Request, s *session) error {
		revision, err := strconv.ParseInt(r.PostFormValue("revision"), 10, 64)
		if err != nil {
			return graft.WrapError(graft.CodeMalformed, err, words.NoRevision)
		}
		request := graft.ReviewRequest{Reason: r.PostFormValue("reason"), Revision: revision}
		if _, err := decide(s.market, r.Context(), r.PathValue("id"), request); err != nil {
			return err
		}
		goTo(w, r, "/review")
		return nil
	}
}
