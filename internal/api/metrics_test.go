package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Routes are told by their patterns: clients can't make series.
func TestRequestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics := NewMetrics(registry)
	_, engine := newFakes()
	h := metrics.Count("engine", NewEngine(engine, Options{Metrics: metrics, Auth: secretOnly{}}))
	for range 2 {
		ask(t, h, "GET", "/api/v1/addons/"+someID, "", "Authorization", "Bearer "+secret)
		ask(t, h, "GET", "/api/v1/addons/"+strings.Repeat("a", 24), "")
		ask(t, h, "BREW", "/no/such/path", "")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pages/{page}", func(http.ResponseWriter, *http.Request) {})
	ask(t, metrics.Count("dashboard", mux), "GET", "/pages/7", "")
	mux.HandleFunc("GET /long/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the answer was not cut")
			}
		}()
		ask(t, metrics.Count("dashboard", mux), "GET", "/long/answer", "")
	}()
	const want = `# HELP graft_http_requests_total Requests that were answered; the code is "cut" where an answer broke off.
# TYPE graft_http_requests_total counter
graft_http_requests_total{code="2xx",method="GET",role="dashboard",route="/pages/{page}"} 1
graft_http_requests_total{code="2xx",method="GET",role="engine",route="/api/v1/addons/{id}"} 2
graft_http_requests_total{code="4xx",method="GET",role="engine",route="/api/v1/addons/{id}"} 2
graft_http_requests_total{code="4xx",method="other",role="engine",route="other"} 2
graft_http_requests_total{code="cut",method="GET",role="dashboard",route="/long/"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "graft_http_requests_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("names: %v, %v", problems, err)
	}
	w := ask(t, h, "GET", "/metrics", "", "Authorization", "Bearer "+secret)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `graft_http_request_duration_seconds_bucket{role="dashboard",route="/pages/{page}",le="10"} 1`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestRequestSpans(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	tracer := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans)).Tracer("test")
	_, engine := newFakes()
	h := Trace(tracer, "engine", NewMetrics(prometheus.NewRegistry()).Count("engine", NewEngine(engine, Options{})))
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	ask(t, h, "GET", "/api/v1/addons/"+someID, "", "traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	ask(t, h, "GET", "/readyz", "")
	ask(t, h, "GET", "/metrics", "")
	engine.err = context.DeadlineExceeded // nothing that a client is told
	ask(t, h, "GET", "/api/v1/addons", "")

	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans", len(ended))
	}
	attributes := attribute.NewSet(ended[0].Attributes()...)
	status, _ := attributes.Value("http.response.status_code")
	if ended[0].Name() != "GET /api/v1/addons/{id}" || status.AsInt64() != 200 || ended[0].Status().Code != codes.Unset {
		t.Errorf("%s %v", ended[0].Name(), ended[0].Attributes())
	}
	if ended[0].SpanContext().TraceID().String() != traceID || ended[0].Parent().SpanID().String() != "00f067aa0ba902b7" {
		t.Errorf("the span is %v within %v", ended[0].SpanContext(), ended[0].Parent())
	}
	if ended[1].Name() != "GET /api/v1/addons" || ended[1].Status().Code != codes.Error || ended[1].Parent().IsValid() {
		t.Errorf("%s %v", ended[1].Name(), ended[1].Status())
	}
}

// Streams still reach their clients at once, and files go the short way.
func TestCountedAnswersStream(t *testing.T) {
	t.Parallel()
	metrics := NewMetrics(prometheus.NewRegistry())
	server := httptest.NewServer(metrics.Count("engine", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := w.(*recorder).ReadFrom(strings.NewReader("first")); n != 5 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	})))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, 5)
	if _, err := response.Body.Read(first); err != nil || string(first) != "first" {
		t.Errorf("%q, %v", first, err)
	}
}
