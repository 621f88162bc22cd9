package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.Handler
		want    int
	}{
		"healthy": {Name("hello"), 0},
		"sick":    {http.NotFoundHandler(), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.handler)
			defer server.Close()
			address, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			if got := Main([]string{"-healthcheck"}, address.Port(), nil); got != test.want {
				t.Errorf("exit code %d, want %d", got, test.want)
			}
		})
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(Name("first"))
	defer server.Close()
	if err := serve(server.Listener.Addr().String(), Name("second")); err == nil {
		t.Error("two servers on one port")
	}
}
