package engine

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/graftplatform/graft"
)

// tracerName names this package as the source of spans.
const tracerName = "github.com/graftplatform/graft/internal/engine"

// Keys of the spans' attributes.
const (
	attrAddon        = attribute.Key("graft.addon")
	attrInstallation = attribute.Key("graft.installation")
	attrOperation    = attribute.Key("graft.operation.id")
	attrPurpose      = attribute.Key("graft.operation.kind")
	attrOutcome      = attribute.Key("graft.operation.outcome")
	attrStep         = attribute.Key("graft.step.kind")
	attrTarget       = attribute.Key("graft.step.target")
	attrCause        = attribute.Key("graft.step.cause")
)

// startOperation begins the span of one execution of a plan; endOperation ends
// it. The span is in the context that is returned.
func startOperation(ctx context.Context, tracer trace.Tracer, inst *graft.Installation, operation string, p purpose) (context.Context, trace.Span) {
	return tracer.Start(ctx, "operation "+string(p), trace.WithAttributes(
		attrAddon.String(inst.Name), attrInstallation.String(inst.ID),
		attrOperation.String(operation), attrPurpose.String(string(p)),
	))
}

// endOperation ends an operation's span with its outcome and, if it failed, why.
func endOperation(span trace.Span, outcome graft.Outcome, err error) {
	span.SetAttributes(attrOutcome.String(string(outcome)))
	endSpan(span, err)
}

// startStep begins the span of one step within that of its operation, which ctx
// has; endSpan ends it. Outside of an operation it does nothing.
func startStep(ctx context.Context, o *operation) (context.Context, trace.Span) {
	tracer := trace.SpanFromContext(ctx).TracerProvider().Tracer(tracerName)
	return tracer.Start(ctx, string(o.kind), trace.WithAttributes(
		attrStep.String(string(o.kind)), attrTarget.String(o.target), attrCause.String(o.cause),
	))
}

// endSpan ends a span; err, if there is one, is recorded. To be interrupted is
// no failure.
func endSpan(span trace.Span, err error) {
	defer span.End()
	switch endOf(err) {
	case endFailed:
		span.RecordError(err)
		span.SetStatus(codes.Error, failureText(err))
	case endInterrupted:
		span.AddEvent("interrupted")
	}
}

// failureText is what a span says of err in one line.
func failureText(err error) string {
	if message := graft.ErrorMessage(err); message != "" {
		return message
	}
	return err.Error()
}
