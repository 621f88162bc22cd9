package engine_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/engine"
	"github.com/graftplatform/graft/internal/store"
)

type catalogThatFails struct{ err error }

func (c catalogThatFails) Addon(context.Context, string) (*graft.Addon, error) { return nil, c.err }

// Clients are not told why the marketplace can't be asked: the log is.
func TestWhyTheMarketplaceGivesNothing(t *testing.T) {
	t.Parallel()
	st, err := store.Open(t.Context(), t.TempDir())
	try(t, err)
	defer func() { try(t, st.Close()) }()
	for _, c := range []struct {
		err    error
		logged bool
	}{
		{graft.WrapError(graft.CodeUnavailable, errors.New("x509: unknown authority"), "the marketplace can't be reached"), true},
		{graft.Errorf(graft.CodeNotFound, "Addon not found"), false},
	} {
		var log bytes.Buffer
		e, err := engine.New(engine.Options{
			Store: st, Driver: fake.New(nil), Catalog: catalogThatFails{c.err}, Plane: graft.PlaneRoot, Project: "root", Network: "oakestra",
			IDLabel: driver.AddonIDLabel, ServiceLabel: driver.ServiceNameLabel, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		try(t, err)
		_, err = e.Install(t.Context(), graft.InstallRequest{MarketplaceID: "000000000000000000000001"})
		if graft.ErrorCode(err) != graft.ErrorCode(c.err) || strings.Contains(log.String(), "x509") != c.logged || c.logged != (log.Len() > 0) {
			t.Errorf("%v: %v; log: %s", c.err, err, &log)
		}
	}
}
