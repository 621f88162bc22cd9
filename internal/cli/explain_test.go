package cli

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Who does not trust a server's certificate is told what makes him trust it, and
// not to look whether it runs.
func TestCertificatesThatAreNotTrusted(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
	server.StartTLS()
	defer server.Close()
	var stderr bytes.Buffer
	code := Main([]string{"list", "--data-dir", t.TempDir(), "--engine", server.URL}, strings.NewReader(""), io.Discard, &stderr, nil)
	if said := stderr.String(); code != exitFailed || !strings.Contains(said, "unknown authority") || !strings.Contains(said, "--tls-ca") ||
		strings.Contains(said, "running there") {
		t.Errorf("exit code %d: %s", code, said)
	}
}
