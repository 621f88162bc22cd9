package verify

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxResponse bounds what is read of any one response.
const maxResponse = 4 << 20

// maxRequests bounds how many requests are sent for one image. A registry with a
// token service and storage elsewhere takes eight; the library that asks follows
// redirects without end.
const maxRequests = 30

var (
	// errTooLarge ends the reading of a response.
	errTooLarge = errors.New("the response is larger than 4 MiB")
	// errTooMany ends what would go round in circles.
	errTooMany = errors.New("the registry redirects without end")
)

// boundedTransport bounds the size of every response and their number, and
// remembers what the registry asked for when it was busy. It serves one Resolve.
type boundedTransport struct {
	inner http.RoundTripper

	mu       sync.Mutex
	requests int
	after    time.Duration
}

// RoundTrip implements http.RoundTripper.
func (t *boundedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if !t.count() {
		return nil, errTooMany
	}
	response, err := t.inner.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable {
		t.mu.Lock()
		t.after = parseRetryAfter(response.Header.Get("Retry-After"), time.Now())
		t.mu.Unlock()
	}
	if request.Method != http.MethodHead && response.ContentLength > maxResponse {
		return nil, errors.Join(errTooLarge, response.Body.Close())
	}
	response.Body = &boundedBody{response.Body, maxResponse}
	return response, nil
}

// count is whether one more request may be sent.
func (t *boundedTransport) count() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	return t.requests <= maxRequests
}

func (t *boundedTransport) retryAfter() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.after
}

// parseRetryAfter reads seconds or a date; 0 for anything else.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// boundedBody fails once more than left bytes were read.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
