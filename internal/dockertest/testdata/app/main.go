// Command app is the program of the test image: a small web server whose life
// is set by environment variables.
//
//	PORT          where it serves, default 8080
//	NAME          what GET / answers, default "app"
//	PRINT         a line for standard output, printed at the start
//	PRINT_ERR     a line for standard error, likewise
//	EXIT_AFTER    a duration after which it ends
//	NEEDS         a neighbour's host:port, without which it ends at once
//	EXIT_CODE     with this code, default 0; without EXIT_AFTER: at once
//	HEALTHY_AFTER a duration before which /health answers 503
//	IGNORE_TERM   if set, SIGTERM does nothing
//
// With the argument -healthcheck it asks /health of the server in its own
// container and exits with 0 or 1.
package main

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	address := ":" + cmp.Or(os.Getenv("PORT"), "8080")
	if len(os.Args) > 1 && os.Args[1] == "-healthcheck" {
		os.Exit(healthcheck("http://127.0.0.1" + address + "/health"))
	}
	name := cmp.Or(os.Getenv("NAME"), "app")
	if needed := os.Getenv("NEEDS"); needed != "" {
		connection, err := net.DialTimeout("tcp", needed, 2*time.Second)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		connection.Close()
	}
	onTerm() // whoever reads that it has started may tell it to end
	fmt.Println(cmp.Or(os.Getenv("PRINT"), name+" started"))
	if line := os.Getenv("PRINT_ERR"); line != "" {
		fmt.Fprintln(os.Stderr, line)
	}
	die()
	if err := http.ListenAndServe(address, handler(name)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func healthcheck(url string) int {
	response, err := http.Get(url)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		fmt.Println(response.Status)
		return 1
	}
	return 0
}

// die ends the program as EXIT_AFTER and EXIT_CODE say.
func die() {
	text, ok := os.LookupEnv("EXIT_CODE")
	after, _ := time.ParseDuration(os.Getenv("EXIT_AFTER"))
	if !ok && after == 0 {
		return
	}
	code, _ := strconv.Atoi(text)
	if after == 0 {
		os.Exit(code)
	}
	time.AfterFunc(after, func() { os.Exit(code) })
}

func onTerm() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if os.Getenv("IGNORE_TERM") != "" {
		return
	}
	go func() {
		<-signals
		fmt.Println("stopped")
		os.Exit(0)
	}()
}

func handler(name string) http.Handler {
	var unhealthy atomic.Bool
	after, _ := time.ParseDuration(os.Getenv("HEALTHY_AFTER"))
	healthyAt := time.Now().Add(after)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, name)
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		if unhealthy.Load() || time.Now().Before(healthyAt) {
			http.Error(w, "unhealthy", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "healthy")
	})
	// POST /health?ok=false makes the server unhealthy.
	mux.HandleFunc("POST /health", func(w http.ResponseWriter, r *http.Request) {
		unhealthy.Store(r.FormValue("ok") == "false")
	})
	// POST /exit?code=3 ends the program.
	mux.HandleFunc("POST /exit", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.FormValue("code"))
		os.Exit(code)
	})
	mux.HandleFunc("GET /env/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, os.Getenv(r.PathValue("name")))
	})
	// GET /lookup?host=web says what a name resolves to inside the container.
	mux.HandleFunc("GET /lookup", func(w http.ResponseWriter, r *http.Request) {
		addresses, err := net.DefaultResolver.LookupHost(r.Context(), r.FormValue("host"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		fmt.Fprintln(w, strings.Join(addresses, "\n"))
	})
	// GET /get?url=http://web:8080/ fetches from inside the container, each time on a
	// connection of its own: who had the name before may be gone without a word.
	asker := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	mux.HandleFunc("GET /get", func(w http.ResponseWriter, r *http.Request) {
		response, err := asker.Get(r.FormValue("url"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		w.WriteHeader(response.StatusCode)
		io.Copy(w, response.Body)
	})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile(r.FormValue("path"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Write(data)
	})
	mux.HandleFunc("PUT /file", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.WriteFile(r.URL.Query().Get("path"), data, 0o644)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}
