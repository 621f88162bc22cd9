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

// list streams the approved addons, so that its memory does not grow with them.
func (m *marketplace) list(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriterSize(w, 32<<10)
	separator := byte('[')
	err := m.market.EachApproved(r.Context(), r.URL.Query().Get("name"), func(document []byte) error {
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
	return writeJSON(w, http.StatusOK, addon)
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
