package api

import (
	"bufio"
	"context"
	"net/http"

	"github.com/graftplatform/graft"
)

type marketplace struct {
	*service
	market Market
}

// ready asks for an addon that can't be there: the answer comes from the store.
func (m *marketplace) ready(ctx context.Context) error {
	_, err := m.market.Addon(ctx, "000000000000000000000000")
	if graft.ErrorCode(err) == graft.CodeNotFound {
		return nil
	}
	return err
}

// list answers a page of the addons that the query chooses, or, without a limit,
// all of them, which are streamed, so that its memory does not grow with them.
func (m *marketplace) list(w http.ResponseWriter, r *http.Request) error {
	query, err := readAddonQuery(r)
	if err != nil {
		return err
	}
	if query.Limit > 0 {
		return m.page(w, r, query)
	}
	answer := &longAnswer{ResponseWriter: w, request: r, places: m.places.lists}
	defer answer.end()
	return writeList(answer, func(fn func(document []byte) error) error {
		if *query == (graft.AddonQuery{Name: query.Name}) {
			return m.market.EachApproved(r.Context(), query.Name, fn)
		}
		query.Limit = graft.MaxPage
		for {
			var documents []string
			if documents, query.Cursor, err = m.market.Page(r.Context(), query); err != nil {
				return err
			}
			for _, document := range documents {
				if err := fn([]byte(document)); err != nil {
					return err
				}
			}
			if query.Cursor == "" {
				return nil
			}
		}
	})
}

// page answers one page, with a link to the next.
func (m *marketplace) page(w http.ResponseWriter, r *http.Request, query *graft.AddonQuery) error {
	documents, next, err := m.market.Page(r.Context(), query)
	if err != nil {
		return queryError{err} // of what was sent, nothing but the query can be wrong
	}
	size := len("[]\n")
	for _, document := range documents {
		size += len(document) + len(",")
	}
	body := append(make([]byte, 0, size), '[')
	for i, document := range documents {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, document...)
	}
	body = append(body, "]\n"...)
	if next != "" {
		values := r.URL.Query()
		values.Set("cursor", next)
		w.Header().Set("Link", "<"+r.URL.EscapedPath()+"?"+values.Encode()+`>; rel="next"`)
	}
	writeCached(w, r, body)
	return nil
}

// writeList writes a JSON array of the documents that each gives to its function.
func writeList(answer *longAnswer, each func(fn func(document []byte) error) error) error {
	answer.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriterSize(answer, 32<<10)
	separator := byte('[')
	err := each(func(document []byte) error {
		// Errors of out are sticky: the last one tells.
		_ = out.WriteByte(separator)
		separator = ','
		_, err := out.Write(document)
		return err
	})
	if err != nil {
		return err
	}
	if separator == '[' {
		_ = out.WriteByte('[')
	}
	answer.last = out.Available() > 1
	_, _ = out.WriteString("]\n")
	return out.Flush()
}

func (m *marketplace) publish(w http.ResponseWriter, r *http.Request) error {
	body, note, err := readBody(w, r)
	if err != nil {
		return err
	}
	descriptor, warnings, err := graft.ParseDescriptor(body)
	if err != nil {
		return annotate(err, note)
	}
	by, err := m.caller(r)
	if err != nil {
		return err
	}
	addon, err := m.market.Publish(r.Context(), by, descriptor, warnings)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/v1/marketplace/addons/"+addon.ID)
	return writeJSON(w, http.StatusCreated, addon)
}

func (m *marketplace) show(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	addon, err := fetch(m.service, r, id, m.market.Addon, m.market.WaitAddon)
	if err != nil {
		return err
	}
	return writeCachedJSON(w, r, addon)
}

func (m *marketplace) remove(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	by, err := m.caller(r)
	if err != nil {
		return err
	}
	if err := m.market.Delete(r.Context(), by, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
