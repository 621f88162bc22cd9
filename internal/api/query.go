package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

// query reads the parameters of a request and gathers what is wrong with them.
// Of a parameter that comes twice the first counts; an empty one is absent.
type query struct {
	values   url.Values
	problems graft.Problems
}

func queryOf(r *http.Request) *query { return &query{values: r.URL.Query()} }

func (q *query) err() error {
	if err := q.problems.Err(); err != nil {
		return queryError{err}
	}
	return nil
}

func (q *query) has(name string) bool { return q.values.Get(name) != "" }

func (q *query) bad(name, message string) {
	q.problems = append(q.problems, graft.Problem{Path: []string{name}, Message: message})
}

func (q *query) bool(name string) bool {
	if !q.has(name) {
		return false
	}
	value, err := strconv.ParseBool(q.values.Get(name))
	if err != nil {
		q.bad(name, "Not a valid boolean.")
	}
	return value
}

// integer reads a number from 0 to limit.
func (q *query) integer(name string, limit int64) int64 {
	if !q.has(name) {
		return 0
	}
	value, err := strconv.ParseInt(q.values.Get(name), 10, 64)
	switch {
	case err != nil:
		q.bad(name, "Not a valid integer.")
	case value < 0 || value > limit:
		q.bad(name, "Must be from 0 to "+strconv.FormatInt(limit, 10)+".")
	}
	return value
}

// duration reads a time.Duration from 0 to limit, 0 excluded.
func (q *query) duration(name string, absent, limit time.Duration) time.Duration {
	if !q.has(name) {
		return absent
	}
	value, err := time.ParseDuration(q.values.Get(name))
	switch {
	case err != nil:
		q.bad(name, "Not a valid duration: write it like 30s.")
	case value <= 0 || value > limit:
		q.bad(name, "Must be more than 0s and at most "+limit.String()+".")
	}
	return value
}

// choice reads one of some words.
func (q *query) choice(name string, words ...string) string {
	value := q.values.Get(name)
	if value != "" && !slices.Contains(words, value) {
		q.bad(name, "Must be one of: "+strings.Join(words, ", ")+".")
	}
	return value
}

func (q *query) time(name string) time.Time {
	if !q.has(name) {
		return time.Time{}
	}
	value, err := time.Parse(time.RFC3339Nano, q.values.Get(name))
	if err != nil {
		q.bad(name, "Not a valid time: write it like 2006-01-02T15:04:05Z.")
	}
	return value
}

// maxSearch is how much text somebody can search for, in bytes.
const maxSearch = 500

// readAddonQuery reads which addons somebody wants. Without a limit the query has
// none.
func readAddonQuery(r *http.Request) (*graft.AddonQuery, error) {
	q := queryOf(r)
	query := &graft.AddonQuery{
		Text: q.values.Get("q"), Name: q.values.Get("name"), Replaces: q.values.Get("replaces"),
		Platform: q.values.Get("platform"), Publisher: q.values.Get("publisher"), Cursor: q.values.Get("cursor"),
		Kind:    graft.Kind(q.choice("kind", string(graft.KindPlugin), string(graft.KindExtension))),
		Plane:   graft.Plane(q.choice("plane", string(graft.PlaneRoot), string(graft.PlaneCluster))),
		Status:  graft.AddonStatus(q.choice("status", string(graft.AddonUnderReview), string(graft.AddonApproved), string(graft.AddonVerificationFailed))),
		Latest:  q.bool("latest"),
		Waiting: q.bool("waiting"),
		Sort:    graft.AddonSort(q.choice("sort", string(graft.SortOldest), string(graft.SortName))),
		Limit:   int(q.integer("limit", graft.MaxPage)),
	}
	if len(query.Text) > maxSearch {
		q.bad("q", "At most 500 bytes.")
	}
	if query.Cursor != "" && query.Limit == 0 {
		q.bad("limit", "A page that begins at a cursor needs a limit.")
	}
	return query, q.err()
}
