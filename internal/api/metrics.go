package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts the requests of all roles of a process, and answers Prometheus
// with everything that the process measures.
type Metrics struct {
	handler   http.Handler
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

// NewMetrics registers the metrics of requests; whatever else is registered
// there is answered, too.
func NewMetrics(registry *prometheus.Registry) *Metrics {
	f := promauto.With(registry)
	return &Metrics{
		handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{
			// What can't be had just now must not hide the rest.
			ErrorHandling: promhttp.ContinueOnError,
		}),
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "graft_http_requests_total",
			Help: "Requests that were answered; the code is \"cut\" where an answer broke off.",
		}, []string{"role", "route", "method", "code"}),
		durations: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "graft_http_request_duration_seconds",
			Help:    "How long requests took. Long polls and streams last as long as their clients want.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"role", "route"}),
	}
}

// serve answers GET /metrics.
func (m *Metrics) serve(w http.ResponseWriter, r *http.Request) error {
	m.handler.ServeHTTP(w, r)
	return nil
}

// Count counts the requests that next answers. Their route is the pattern that
// next leaves in the request, never the path, of which there are as many as
// clients like.
func (m *Metrics) Count(role string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		start := time.Now()
		cut := true
		defer func() {
			route := routeOf(r)
			m.requests.WithLabelValues(role, route, methodOf(r), rec.class(cut)).Inc()
			m.durations.WithLabelValues(role, route).Observe(time.Since(start).Seconds())
		}()
		next.ServeHTTP(rec, r)
		cut = false // not reached when next panics
	})
}

// routeOf is the pattern that a router left in a request, without the method.
func routeOf(r *http.Request) string {
	if i := strings.IndexByte(r.Pattern, '/'); i >= 0 {
		return r.Pattern[i:]
	}
	return "other"
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// class is the class of the answer's status.
func (r *recorder) class(cut bool) string {
	switch {
	case cut:
		return "cut"
	case r.status == 0: // net/http answers 200 for a handler that does not
		return "2xx"
	}
	return fmt.Sprintf("%dxx", r.status/100)
}
