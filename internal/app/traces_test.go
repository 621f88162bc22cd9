package app_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/app"
)

// collect starts a collector, and returns its URL and a function that returns
// the spans that came, by name, and the service's names.
func collect(t *testing.T) (string, func() (map[string]*traces.Span, []string)) {
	t.Helper()
	var mu sync.Mutex
	spans := map[string]*traces.Span{}
	var services []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := readSpans(t, r)
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range request.GetResourceSpans() {
			for _, attribute := range resource.GetResource().GetAttributes() {
				if attribute.GetKey() == "service.name" {
					services = append(services, attribute.GetValue().GetStringValue())
				}
			}
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					spans[span.GetName()] = span
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1/traces", func() (map[string]*traces.Span, []string) {
		mu.Lock()
		defer mu.Unlock()
		return spans, services
	}
}

func readSpans(t *testing.T, r *http.Request) *collector.ExportTraceServiceRequest {
	t.Helper()
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			t.Error(err)
			return nil
		}
		body = unpacked
	}
	data, err := io.ReadAll(body)
	if err != nil {
		t.Error(err)
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(data, &request); err != nil || r.URL.Path != "/v1/traces" {
		t.Errorf("%s: %v", r.URL.Path, err)
	}
	return &request
}

// An installation's operations and requests reach a collector at the latest when
// the process ends.
func TestTraces(t *testing.T) {
	t.Parallel()
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	url, collected := collect(t)
	t.Run("work", func(t *testing.T) { // the app ends with it
		o := options(t)
		o.RegistryListen, o.Traces = "127.0.0.1:0", url
		a := start(t, o)
		_, inst := install(t, a)
		code, body := get(t, a.URLs()[app.RoleEngine]+"/api/v1/addons/"+inst.ID,
			"Authorization", "Bearer "+a.Token(), "traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
		if code != 200 {
			t.Errorf("%d %s", code, body)
		}
	})
	spans, services := collected()
	operation, step := spans["operation install"], spans["create container"]
	if operation == nil || step == nil || !bytes.Equal(step.GetTraceId(), operation.GetTraceId()) ||
		!bytes.Equal(step.GetParentSpanId(), operation.GetSpanId()) {
		t.Errorf("operation %v, step %v", operation, step)
	}
	if request := spans["GET /api/v1/addons/{id}"]; request == nil {
		t.Error("no span of a request")
	}
	if len(services) == 0 || services[0] != "graft" {
		t.Errorf("services are %q", services)
	}
}

func TestBadCollector(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"localhost:4318", "://x", "/v1/traces", "ftp://user:secret@host/"} {
		o := options(t)
		o.Traces = url
		a, err := app.New(t.Context(), o)
		if err == nil {
			_ = a.Close()
		}
		if graft.ErrorCode(err) != graft.CodeInvalid || strings.Contains(graft.ErrorMessage(err), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// Without a collector everything works as ever, the end included; it is said
// once.
func TestCollectorAway(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, answers nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	const nowhere = "127.0.0.1:1" // the system gives that port to nobody
	for name, address := range map[string]string{"silent": listener.Addr().String(), "closed": nowhere} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log syncBuffer
			var ending time.Time
			t.Run("work", func(t *testing.T) {
				o := options(t)
				o.Traces, o.Log = "http://"+address+"/v1/traces", slog.New(slog.NewTextHandler(&log, nil))
				a := start(t, o)
				for range 100 {
					if code, body := get(t, a.URLs()[app.RoleMarketplace]+"/api/v1/marketplace/addons"); code != 200 {
						t.Fatalf("%d %s", code, body)
					}
				}
				ending = time.Now()
			})
			if took := time.Since(ending); took > 9*time.Second { // after ten it would have given up by itself
				t.Errorf("the end took %v", took)
			}
			if n := strings.Count(log.String(), "traces can't be sent"); n != 1 {
				t.Errorf("said %d times:\n%s", n, log.String())
			}
		})
	}
}

// syncBuffer is a buffer for several writers.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
