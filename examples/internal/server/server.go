// Package server is what the example services have in common: an HTTP server
// that ends at once on SIGTERM, and a health check of itself.
package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main serves handler on all addresses at port until SIGINT or SIGTERM. With
// the one argument -healthcheck it asks the server that runs in the same
// container for its path / instead. It returns the process's exit code.
func Main(args []string, port string, handler http.Handler) int {
	var err error
	if len(args) == 1 && args[0] == "-healthcheck" {
		err = check("http://127.0.0.1:" + port + "/")
	} else {
		err = serve(":"+port, handler)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Getenv returns an environment variable, or fallback when it is empty.
func Getenv(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

// Name answers every request with name and a line break.
func Name(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, name)
	})
}

func serve(address string, handler http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	// Close, not Shutdown: whoever swaps or stops a container waits for it.
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Println("listening on", address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func check(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
