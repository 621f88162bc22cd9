package engine

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/graftplatform/graft"
)

func TestSpans(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	tracer := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer(tracerName)
	inst := &graft.Installation{ID: "6b0342fd771242bc7f1c506c", Descriptor: graft.Descriptor{Name: "hello"}}

	ctx, operationSpan := startOperation(t.Context(), tracer, inst, "op1", purposeInstall)
	// Steps that are not to be interrupted still belong to their operation.
	_, pull := startStep(context.WithoutCancel(ctx), &operation{kind: opPull, target: "img", cause: "needed"})
	endSpan(pull, nil)
	_, create := startStep(ctx, &operation{kind: opCreate, target: "root_hello"})
	failure := graft.WrapError(graft.CodeConflict, errors.New("inner"), "the port is taken")
	endSpan(create, failure)
	_, wait := startStep(ctx, &operation{kind: opWait, target: "root_hello"})
	endSpan(wait, errSpecChanged)
	endOperation(operationSpan, endFailed, failure)

	ended := recorder.Ended()
	if len(ended) != 4 {
		t.Fatalf("%d spans", len(ended))
	}
	root := ended[3]
	if root.Name() != "operation install" || root.Status().Code != codes.Error || root.Status().Description != "the port is taken" {
		t.Errorf("%s ended with %+v", root.Name(), root.Status())
	}
	attributes := attribute.NewSet(root.Attributes()...)
	for key, want := range map[attribute.Key]string{
		attrAddon: "hello", attrInstallation: inst.ID, attrOperation: "op1", attrPurpose: "install", attrOutcome: "failed",
	} {
		if value, _ := attributes.Value(key); value.AsString() != want {
			t.Errorf("%s is %q, want %q", key, value.AsString(), want)
		}
	}
	for i, want := range []codes.Code{codes.Unset, codes.Error, codes.Unset} {
		step := ended[i]
		if step.Parent().SpanID() != root.SpanContext().SpanID() {
			t.Errorf("%s is not within its operation", step.Name())
		}
		if step.Status().Code != want {
			t.Errorf("%s ended with %v", step.Name(), step.Status())
		}
	}
	if events := ended[1].Events(); len(events) != 1 || events[0].Name != "exception" {
		t.Errorf("the failed step recorded %v", events)
	}
}

func TestStepWithoutOperation(t *testing.T) {
	t.Parallel()
	_, span := startStep(t.Context(), &operation{kind: opPull})
	if span.IsRecording() {
		t.Error("a step outside of an operation is recorded")
	}
	endSpan(span, errors.New("no matter"))
	inst := &graft.Installation{}
	_, span = startOperation(t.Context(), noop.NewTracerProvider().Tracer(tracerName), inst, "", purposeRepair)
	if span.IsRecording() {
		t.Error("without a collector spans are recorded")
	}
	endOperation(span, graft.OutcomeDone, nil)
}
