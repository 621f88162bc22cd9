package api

import (
	"context"
	"net/http"

	"github.com/graftplatform/graft"
)

func (m *marketplace) name(w http.ResponseWriter, r *http.Request) error {
	name, err := m.market.Name(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeCachedJSON(w, r, name)
}

// setPublisher gives a name to somebody else.
func (m *marketplace) setPublisher(w http.ResponseWriter, r *http.Request) error {
	const field = "publisher"
	f, err := readFields(w, r)
	if err != nil {
		return err
	}
	f.required(field)
	publisher, _ := f.string(field)
	if err := f.err(field); err != nil {
		return err
	}
	name, err := m.market.SetPublisher(r.Context(), r.PathValue("name"), publisher)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, name)
}

func (m *marketplace) versions(w http.ResponseWriter, r *http.Request) error {
	versions, err := m.market.Versions(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeCachedJSON(w, r, notNil(versions))
}

// version answers the addon that a version, a range of versions or "latest"
// chooses.
func (m *marketplace) version(w http.ResponseWriter, r *http.Request) error {
	addon, err := m.market.Choose(r.Context(), r.PathValue("name"), r.PathValue("version"))
	if err != nil {
		return err
	}
	return writeCachedJSON(w, r, addon)
}

// says answers requests to do something with an addon, for which somebody may say
// why in a field of the body.
func (m *marketplace) says(field string, do func(m Market, ctx context.Context, by graft.Principal, id, text string) (*graft.Addon, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r)
		if err != nil {
			return err
		}
		f, err := readFields(w, r)
		if err != nil {
			return err
		}
		var text string
		f.text(field, &text)
		if err := f.err(field); err != nil {
			return err
		}
		by, err := m.caller(r)
		if err != nil {
			return err
		}
		addon, err := do(m.market, r.Context(), by, id, text)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, addon)
	}
}

// reviews answers a reviewer's decision.
func (m *marketplace) reviews(decide func(m Market, ctx context.Context, by graft.Principal, id string, request graft.ReviewRequest) (*graft.Addon, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r)
		if err != nil {
			return err
		}
		request, err := readReview(w, r)
		if err != nil {
			return err
		}
		by, err := m.caller(r)
		if err != nil {
			return err
		}
		addon, err := decide(m.market, r.Context(), by, id, request)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, addon)
	}
}

// readReview reads what a reviewer decides.
func readReview(w http.ResponseWriter, r *http.Request) (request graft.ReviewRequest, err error) {
	const reason, revision = "reason", "revision"
	f, err := readFields(w, r)
	if err != nil {
		return request, err
	}
	f.text(reason, &request.Reason)
	if f.get(revision, &request.Revision, "Not a valid integer.") && request.Revision < 1 {
		f.bad(revision, "Must be at least 1.")
	}
	return request, f.err(reason, revision)
}

// text decodes a field in which somebody says something.
func (f *fields) text(name string, into *string) {
	*into, _ = f.string(name)
	if len(*into) > maxText {
		f.bad(name, "At most 2000 bytes.")
	}
}

// maxText is how long what somebody has to say may be.
const maxText = 2000

// does is says without a body.
func (m *marketplace) does(do func(m Market, ctx context.Context, by graft.Principal, id string) (*graft.Addon, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r)
		if err != nil {
			return err
		}
		by, err := m.caller(r)
		if err != nil {
			return err
		}
		addon, err := do(m.market, r.Context(), by, id)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, addon)
	}
}
