package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/graftplatform/graft"
)

// Swap is a component that stepped aside for a plugin, written down whole.
type Swap struct {
	Component      string // its container name; the key
	ContainerID    string
	AsideName      string // the container's name while it is aside
	InstallationID string // of the plugin
	Service        string // the plugin
	Record         json.RawMessage
	CreatedAt      time.Time

	// Way and WayBack are how the plugin takes the component's place and how
	// the component comes back, once a better way has failed; empty: the best
	// that the plan finds. Reason is why.
	Way     graft.SwapWay
	WayBack graft.SwapWay
	Reason  string
}

// SaveSwap writes a swap down, or writes it anew for the same installation.
// CodeConflict when the component stepped aside for another installation, or
// when the installation does not exist. An empty time of creation is filled in.
func (s *Store) SaveSwap(ctx context.Context, swap Swap) error {
	if swap.CreatedAt.IsZero() {
		swap.CreatedAt = now()
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		saved, err := changed(ctx, tx,
			`insert into swaps (component, container_id, aside_name, installation_id, service, record, created_at)
			values ($1, $2, $3, $4, $5, $6, $7)
			on conflict (component) do update set container_id = excluded.container_id,
				aside_name = excluded.aside_name, service = excluded.service, record = excluded.record,
				way = '', way_back = '', reason = ''
			where swaps.installation_id = excluded.installation_id`,
			swap.Component, swap.ContainerID, swap.AsideName, swap.InstallationID, swap.Service,
			string(swap.Record), micros(swap.CreatedAt))
		switch {
		case isForeignKey(err):
			return graft.WrapError(graft.CodeConflict, err, "Installation %s does not exist any more: %s stays in place.",
				swap.InstallationID, swap.Component)
		case err == nil && !saved:
			return graft.Errorf(graft.CodeConflict, "Component %s is replaced by another addon already. Disable or uninstall that one first.",
				swap.Component)
		}
		return err
	})
}

// ClaimSwap gives a component that stepped aside to the plugin of another
// installation, whose own way it is from now on. CodeConflict when it is not
// the first one's (any more), or when the installation does not exist.
func (s *Store) ClaimSwap(ctx context.Context, component, from, installationID, service string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		claimed, err := changed(ctx, tx,
			`update swaps set installation_id = $3, service = $4, way = '', way_back = '', reason = ''
			where component = $1 and installation_id in ($2, $3)`,
			component, from, installationID, service)
		switch {
		case isForeignKey(err):
			return graft.WrapError(graft.CodeConflict, err, "Installation %s does not exist any more: %s stays as it is.",
				installationID, component)
		case err == nil && !claimed:
			return graft.Errorf(graft.CodeConflict, "Component %s changed hands meanwhile.", component)
		}
		return err
	})
}

// SetSwapWay notes that the best way of an installation's swap has failed, so
// that the next plan takes another: back is which of the two it is about.
// CodeConflict when the swap is not the installation's.
func (s *Store) SetSwapWay(ctx context.Context, component, installationID string, back bool, way graft.SwapWay, reason string) error {
	column := "way"
	if back {
		column = "way_back"
	}
	return s.changeSwap(ctx, component, `update swaps set `+column+` = $3, reason = $4 where component = $1 and installation_id = $2`,
		component, installationID, string(way), text(reason))
}

// SetSwapContainer notes that a component's container was made again.
// CodeConflict when it was another one than from.
func (s *Store) SetSwapContainer(ctx context.Context, component, from, to string) error {
	return s.changeSwap(ctx, component, `update swaps set container_id = $3 where component = $1 and container_id in ($2, $3)`,
		component, from, to)
}

func (s *Store) changeSwap(ctx context.Context, component, query string, args ...any) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		done, err := changed(ctx, tx, query, args...)
		if err == nil && !done {
			return graft.Errorf(graft.CodeConflict, "The swap of component %s changed meanwhile.", component)
		}
		return err
	})
}

// Swaps returns all swaps in the order of their components.
func (s *Store) Swaps(ctx context.Context) (all []Swap, err error) {
	rows, err := s.read.QueryContext(ctx,
		`select component, container_id, aside_name, installation_id, service, record, created_at, way, way_back, reason
		from swaps order by component`)
	if err != nil {
		return nil, s.explain(err)
	}
	defer func() { err = s.explain(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		var swap Swap
		var record []byte
		var createdAt int64
		if err := rows.Scan(&swap.Component, &swap.ContainerID, &swap.AsideName, &swap.InstallationID,
			&swap.Service, &record, &createdAt, &swap.Way, &swap.WayBack, &swap.Reason); err != nil {
			return nil, err
		}
		swap.Record, swap.CreatedAt = record, fromMicros(createdAt)
		all = append(all, swap)
	}
	return all, rows.Err()
}

// DeleteSwap forgets a swap: the component is back. There being none is fine.
func (s *Store) DeleteSwap(ctx context.Context, component string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := changed(ctx, tx, `delete from swaps where component = $1`, component)
		return err
	})
}
