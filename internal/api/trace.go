package api

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Trace makes a span of every request that next answers, within that of the
// client if it sent a W3C traceparent. Requests that come every few seconds for
// ever, to ask how the process is, are left out.
func Trace(tracer trace.Tracer, role string, next http.Handler) http.Handler {
	var parent propagation.TraceContext
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/", "/health", "/healthz", "/readyz", "/metrics":
			next.ServeHTTP(w, r)
			return
		}
		ctx, span := tracer.Start(parent.Extract(r.Context(), propagation.HeaderCarrier(r.Header)), methodOf(r),
			trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("graft.role", role),
				attribute.String("http.request.method", methodOf(r)), attribute.String("url.path", r.URL.Path)))
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(ctx)
		defer func() {
			route := routeOf(r)
			span.SetName(methodOf(r) + " " + route)
			span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", rec.status))
			if rec.status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, http.StatusText(rec.status))
			}
			span.End()
		}()
		next.ServeHTTP(rec, r)
	})
}
