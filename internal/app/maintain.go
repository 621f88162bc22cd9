package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/mongo"
	"github.com/graftplatform/graft/internal/store"
)

// DatabaseInfo is what a database is and has.
type DatabaseInfo = store.Info

// Database is one that is worked on as a whole, by nobody who serves.
type Database struct {
	DataDir string
	URL     string // postgres://…; empty: SQLite in the data directory
}

// Migration is what bringing a database up to date did.
type Migration struct {
	Location string  `json:"location"`
	Schema   int64   `json:"schema"`
	Made     []int64 `json:"made"` // versions, in their order
}

// Import is what a database was given.
type Import struct {
	Location string           `json:"location"`
	Rows     map[string]int64 `json:"rows,omitempty"` // by table

	// Of the old system:
	Addons        map[graft.AddonStatus]int `json:"addons,omitempty"`
	Installations []OldInstallation         `json:"installations,omitempty"`
}

// OldInstallation is an installation of the old system. It is disabled now.
type OldInstallation struct {
	ID   string                   `json:"_id"`
	Name string                   `json:"name"`
	Was  graft.InstallationStatus `json:"was"`
}

// Info returns what the database is and has. Errors are those of store.Look.
func (d Database) Info(ctx context.Context) (_ *DatabaseInfo, err error) {
	s, err := store.Look(ctx, d.DataDir, d.URL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Info(ctx)
}

// Migrate brings the database's schema up to date, and makes the database if it
// is SQLite and there is none. CodeConflict when a process has it open.
func (d Database) Migrate(ctx context.Context) (_ *Migration, err error) {
	s, made, err := store.Maintain(ctx, d.DataDir, d.URL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	info, err := s.Info(ctx)
	if err != nil {
		return nil, err
	}
	return &Migration{Location: info.Location, Schema: info.Schema, Made: append([]int64{}, made...)}, nil
}

// Export writes everything, as store.Export does; servers may go on meanwhile.
func (d Database) Export(ctx context.Context, w io.Writer) (err error) {
	s, err := store.Look(ctx, d.DataDir, d.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Export(ctx, w)
}

// Import reads what Export wrote into a database that is empty, as store.Import
// does.
func (d Database) Import(ctx context.Context, r io.Reader) (_ *Import, err error) {
	s, _, err := store.Maintain(ctx, d.DataDir, d.URL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	rows, err := s.Import(ctx, r)
	if err != nil {
		return nil, err
	}
	return &Import{Location: s.Location(), Rows: rows}, nil
}

// ImportOld takes over what mongoexport wrote of the old system into a database
// that is empty, as store.Adopt does. What was installed is disabled: nothing is
// started. The database is not touched before all files have been read.
func (d Database) ImportOld(ctx context.Context, files ...string) (_ *Import, err error) {
	old, err := readOld(files)
	if err != nil {
		return nil, err
	}
	s, _, err := store.Maintain(ctx, d.DataDir, d.URL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	done := &Import{Location: s.Location(), Addons: map[graft.AddonStatus]int{}, Installations: []OldInstallation{}}
	for i := range old.Addons {
		done.Addons[old.Addons[i].Status]++
	}
	var installations []graft.Installation
	var events []graft.Event
	for _, i := range old.Installations {
		done.Installations = append(done.Installations, OldInstallation{i.ID, i.Name, i.Was})
		installations = append(installations, i.Installation)
		events = append(events, graft.Event{
			Type: graft.EventInstalled, Time: time.Now().UTC(), InstallationID: i.ID, Addon: i.Name, Status: graft.StatusDisabled,
			Message: fmt.Sprintf("%s was taken over from the old system, where it was %s. It is disabled; containers of the old system are left alone.", i.Name, i.Was),
		})
	}
	return done, s.Adopt(ctx, old.Addons, installations, events)
}

func readOld(files []string) (*mongo.Old, error) {
	var old mongo.Old
	var broken []string // of all files
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, graft.WrapError(graft.CodeInvalid, err, "The file %s can't be opened.", name)
		}
		if err := errors.Join(old.Read(name, file), file.Close()); err != nil {
			broken = append(broken, graft.ErrorMessage(err))
		}
	}
	if len(broken) > 0 {
		return nil, graft.Errorf(graft.CodeInvalid, "%s", strings.Join(broken, "\n"))
	}
	return &old, nil
}
