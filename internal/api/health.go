package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft"
)

// Check is one thing that a server needs to do its work.
type Check struct {
	Name string
	// Run returns why it is not as it should be; the message of a *graft.Error
	// is what clients read.
	Run func(ctx context.Context) error
}

// readyTime bounds how long a server takes to find out whether it is ready.
const readyTime = 8 * time.Second

// Remember returns a check that runs another at most once in a time, and never
// unless asked. Between, it answers what came of the last run.
func Remember(c Check, lasts time.Duration) Check {
	var (
		mu    sync.Mutex
		until time.Time
		last  error
	)
	return Check{Name: c.Name, Run: func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if time.Now().Before(until) {
			return last
		}
		// The answer is for others as well: it must not be that this one left.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
		defer cancel()
		last = c.Run(ctx)
		until = time.Now().Add(lasts)
		return last
	}}
}

// health is what /healthz and /readyz answer when all is well.
type health struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

// healthz answers while the process lives.
func healthz(w http.ResponseWriter, r *http.Request) error {
	if wants(r, "application/json") {
		return writeJSON(w, http.StatusOK, health{Status: "ok"})
	}
	return ok(w, r)
}

// readyz runs all checks at a time, and answers what each of them found.
func (s *service) readyz(checks []Check) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		results := make(map[string]string, len(checks))
		var reasons []string
		for i, err := range runChecks(r.Context(), checks) {
			name := checks[i].Name
			if err == nil {
				results[name] = "ok"
				continue
			}
			results[name] = s.explain(r.Context(), name, err)
			reasons = append(reasons, results[name])
		}
		if reasons != nil {
			return &notReady{checks: results, reasons: reasons}
		}
		if wants(r, "text/plain") {
			writeBody(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ready"))
			return nil
		}
		return writeJSON(w, http.StatusOK, health{Status: "ready", Checks: results})
	}
}

// runChecks returns what came of each check.
func runChecks(ctx context.Context, checks []Check) []error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	results := make([]error, len(checks))
	var running sync.WaitGroup
	for i, c := range checks {
		running.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					results[i] = panicError(v)
				}
			}()
			results[i] = c.Run(ctx)
		})
	}
	running.Wait()
	return results
}

// explain is what clients read of a check that failed.
func (s *service) explain(ctx context.Context, check string, err error) string {
	if message := graft.ErrorMessage(err); message != "" {
		if errors.Unwrap(err) != nil { // which is not for strangers
			s.away.Failed(ctx, "a check failed", err, "api", s.role, "check", check)
		}
		return message
	}
	s.Log.ErrorContext(ctx, "check failed", "api", s.role, "check", check, "error", err)
	return "The check " + check + " failed; the server's log says why."
}

// notReady is why a server can't do its work: what each check found.
type notReady struct {
	checks  map[string]string
	reasons []string
}

// Error is the reasons in one text, for clients that know one message.
func (e *notReady) Error() string {
	if len(e.reasons) == 1 {
		return e.reasons[0]
	}
	sentences := make([]string, len(e.reasons))
	for i, reason := range e.reasons {
		sentences[i] = strings.TrimSuffix(reason, ".") + "."
	}
	return strings.Join(sentences, " ")
}

// wants is whether a client asks for that type by its name.
func wants(r *http.Request, mediaType string) bool {
	return strings.Contains(r.Header.Get("Accept"), mediaType)
}
