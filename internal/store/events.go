package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/graftplatform/graft"
)

// Bounds of the events that are kept. Deleting goes in strokes of eventSlack,
// so that most appends delete nothing.
const (
	keptEvents = 20_000
	eventSlack = 1_000
)

// AppendEvents saves events in their order, all or none, and sets their ids.
// Each id is greater than all that were given before. Old events go: about the
// newest 20,000 are kept.
func (s *Store) AppendEvents(ctx context.Context, events []graft.Event) error {
	if len(events) == 0 {
		return nil
	}
	documents, err := encodeEvents(events)
	if err != nil {
		return err
	}
	ids := make([]int64, len(events))
	err = s.updateLatest(ctx, func(tx *sql.Tx) error {
		if s.dialect.lockEvents != "" {
			if _, err := tx.ExecContext(ctx, s.dialect.lockEvents); err != nil {
				return err
			}
		}
		if err := insertEvents(ctx, tx, events, documents, ids); err != nil {
			return err
		}
		return pruneEvents(ctx, tx, ids[len(ids)-1])
	})
	if err != nil {
		return err
	}
	for i := range events {
		events[i].ID = ids[i]
	}
	return nil
}

// encodeEvents returns the documents of events.
func encodeEvents(events []graft.Event) ([]string, error) {
	documents := make([]string, len(events))
	for i, event := range events {
		event.ID = 0 // it has a column
		document, err := json.Marshal(event)
		if err != nil {
			return nil, graft.WrapError(graft.CodeInternal, err, "The event %q can't be written as JSON.", event.Type)
		}
		documents[i] = string(document)
	}
	return documents, nil
}

// insertEvents inserts events with their documents, and fills in their ids.
func insertEvents(ctx context.Context, tx *sql.Tx, events []graft.Event, documents []string, ids []int64) (err error) {
	insert, err := tx.PrepareContext(ctx, `insert into events (installation_id, document) values ($1, $2) returning id`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	for i := range events {
		if err := insert.QueryRowContext(ctx, events[i].InstallationID, documents[i]).Scan(&ids[i]); err != nil {
			return err
		}
	}
	return nil
}

// pruneEvents deletes all but the newest events once there are too many.
func pruneEvents(ctx context.Context, tx *sql.Tx, newest int64) error {
	var oldest int64
	if err := tx.QueryRowContext(ctx, `select min(id) from events`).Scan(&oldest); err != nil {
		return err
	}
	if newest-oldest < keptEvents+eventSlack {
		return nil
	}
	_, err := tx.ExecContext(ctx, `delete from events where id <= $1`, newest-keptEvents)
	return err
}

// Events returns the events of an installation, of all when its id is empty,
// that come after that id, in their order: the first of them, up to the limit.
func (s *Store) Events(ctx context.Context, installationID string, after int64, limit int) (events []graft.Event, err error) {
	query, args := `select id, document from events where id > $1 order by id limit $2`, []any{after, limit}
	if installationID != "" {
		query = `select id, document from events where id > $1 and installation_id = $3 order by id limit $2`
		args = append(args, installationID)
	}
	err = eachRow(ctx, s.read, query, args, func(scan func(...any) error) error {
		var id int64
		var document []byte
		if err := scan(&id, &document); err != nil {
			return err
		}
		var event graft.Event
		if err := json.Unmarshal(document, &event); err != nil {
			return decodeError(err, "event", strconv.FormatInt(id, 10))
		}
		event.ID = id
		events = append(events, event)
		return nil
	})
	return events, s.explain(err)
}

// EventBefore returns the id after which the last n events of an installation
// come, of all when its id is empty; 0 when no more than n are kept.
func (s *Store) EventBefore(ctx context.Context, installationID string, n int) (int64, error) {
	if installationID == "" {
		return s.eventID(ctx, `select coalesce((select id from events order by id desc limit 1 offset $1), 0)`, n)
	}
	return s.eventID(ctx, `select coalesce((select id from events where installation_id = $2 order by id desc limit 1 offset $1), 0)`, n, installationID)
}

// FirstEventID is the id of the oldest event that is kept, 0 if there is none.
func (s *Store) FirstEventID(ctx context.Context) (int64, error) {
	return s.eventID(ctx, `select coalesce(min(id), 0) from events`)
}

// LastEventID is the id of the newest event, 0 if there is none.
func (s *Store) LastEventID(ctx context.Context) (int64, error) {
	return s.eventID(ctx, `select coalesce(max(id), 0) from events`)
}

func (s *Store) eventID(ctx context.Context, query string, args ...any) (id int64, err error) {
	err = s.read.QueryRowContext(ctx, query, args...).Scan(&id)
	return id, s.explain(err)
}
