package browser_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// The program in the images of these tests does what it is told by requests to a
// port that its container publishes.

// answers waits until a port answers so.
func (s *site) answers(port, want string) {
	s.t.Helper()
	s.ask(http.MethodGet, port, "/", "", func(body string, err error) bool { return err == nil && body == want+"\n" })
}

// becomeReady has a service of patient's work.
func (s *site) becomeReady(port string) {
	s.t.Helper()
	s.ask(http.MethodPut, port, "/file?path=/tmp/ready", "yes", func(_ string, err error) bool { return err == nil })
}

// exit ends a service's process, which does not answer to that. Before it serves,
// nobody answers either.
func (s *site) exit(port string) {
	s.t.Helper()
	s.ask(http.MethodGet, port, "/", "", func(_ string, err error) bool { return err == nil })
	s.ask(http.MethodPost, port, "/exit?code=3", "", func(_ string, err error) bool {
		return err != nil && !strings.Contains(err.Error(), "refused")
	})
}

// ask sends a request again and again, until what comes of it is right.
func (s *site) ask(method, port, path, body string, right func(body string, err error) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		answer, err := send(ctx, method, "http://127.0.0.1:"+port+path, body)
		if right(answer, err) {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			s.t.Fatalf("%s %s of port %s: %q, %v", method, path, port, answer, err)
		}
	}
}

// send returns what a new connection to an address answers.
func send(ctx context.Context, method, url, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return string(answer), err
}
