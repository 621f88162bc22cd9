package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/api"
	"github.com/graftplatform/graft/internal/version"
)

// Bounds of what traces may cost.
const (
	exportTime = 10 * time.Second // to send a batch, with all attempts
	flushTime  = 3 * time.Second  // to send what is left when the process ends
	// quietTime is how long an unreachable collector is not complained about
	// again.
	quietTime = 10 * time.Minute
)

// tracing is where the spans of a process go. A nil one makes none.
type tracing struct {
	provider *sdk.TracerProvider
	exporter *quietExporter
}

// newTracing sends spans to the OTLP collector at the URL, by HTTP; an empty URL
// is no collector. None of OpenTelemetry's globals is set.
func newTracing(ctx context.Context, o *Options) (*tracing, error) {
	if o.Traces == "" {
		return nil, nil //nolint:nilnil // no collector, no tracing
	}
	address, err := url.Parse(o.Traces)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return nil, badCollector(nil) // err would show it all
	}
	client := otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL(o.Traces),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: exportTime,
		}),
	)
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, badCollector(err)
	}
	t := &tracing{exporter: &quietExporter{SpanExporter: exporter, log: o.Log.With("collector", address.Redacted())}}
	t.provider = sdk.NewTracerProvider(
		sdk.WithBatcher(t.exporter, sdk.WithExportTimeout(exportTime)),
		sdk.WithResource(describeProcess(ctx, o)),
	)
	return t, nil
}

// badCollector does not repeat the URL: it may hold a password.
func badCollector(err error) error {
	return graft.WrapError(graft.CodeInvalid, err,
		"traces can't be sent to what OTEL_EXPORTER_OTLP_ENDPOINT names: give the URL of a collector that takes OTLP over HTTP, such as http://localhost:4318")
}

// describeProcess says whose spans they are; OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES say it better.
func describeProcess(ctx context.Context, o *Options) *resource.Resource {
	host, _ := os.Hostname() // unknown is fine
	described, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", "graft"), attribute.String("service.version", version.String()),
			attribute.String("host.name", host), attribute.String("graft.plane", string(o.Plane)),
		),
		resource.WithFromEnv(),
	)
	if err != nil {
		o.Log.Warn("OTEL_RESOURCE_ATTRIBUTES can't be read in full", "error", err)
	}
	return described
}

// tracer returns what makes spans in the name of a package, nil without a
// collector.
func (t *tracing) tracer(name string) trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer(name, trace.WithInstrumentationVersion(version.String()))
}

// handler makes spans of the requests that a role answers.
func (t *tracing) handler(role string, next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return api.Trace(t.tracer("github.com/graftplatform/graft/internal/api"), role, next)
}

// close sends what is left, for a short time. That it could not is no error of
// the process: the exporter has said so, before this returns.
func (t *tracing) close() error {
	if t == nil {
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = t.provider.Shutdown(context.Background())
	}()
	select {
	case <-done:
	case <-time.After(flushTime):
		_ = t.exporter.Shutdown(context.Background()) // cuts off what is under way, and so ends the provider's wait
		<-done
	}
	return nil
}

// quietExporter logs that spans were lost, now and then: a collector that is
// away must neither be noticed otherwise nor fill the log. Errors end here, as
// the SDK hands those that it gets to a handler for the whole process.
type quietExporter struct {
	sdk.SpanExporter
	log *slog.Logger

	mu   sync.Mutex
	next time.Time // when a loss may be logged again
	lost int       // spans since it went well
}

// ExportSpans implements sdk.SpanExporter.
func (q *quietExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := q.SpanExporter.ExportSpans(ctx, spans)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		if q.lost > 0 {
			q.log.Info("traces are sent again", "lost_spans", q.lost)
			q.lost = 0
		}
		return nil
	}
	q.lost += len(spans)
	if now := time.Now(); !now.Before(q.next) {
		q.log.Warn("traces can't be sent; everything else goes on", "lost_spans", q.lost, "error", err, "said_again_in", quietTime)
		q.next = now.Add(quietTime)
	}
	return nil
}
