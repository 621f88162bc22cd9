package api

import (
	"net/http"
	"net/url"
	"strconv"
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
