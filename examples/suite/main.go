// Suite is one image for an addon of three services: store counts and keeps
// the count in a volume, worker adds to it every second, web shows it.
package main

import (
	"fmt"
	"os"

	"github.com/graftplatform/graft/examples/internal/server"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "which service? usage: suite store|worker|web [-healthcheck]")
		os.Exit(2)
	}
	service, args := os.Args[1], os.Args[2:]
	storeURL := server.Getenv("STORE_URL", "http://store:8080/")
	switch service {
	case "store":
		count := &counter{path: server.Getenv("DATA", "/data/count")}
		os.Exit(server.Main(args, "8080", count))
	case "worker":
		os.Exit(work(storeURL))
	case "web":
		os.Exit(server.Main(args, server.Getenv("PORT", "8080"), page(storeURL)))
	}
	fmt.Fprintf(os.Stderr, "no service %q; there are store, worker and web\n", service)
	os.Exit(2)
}
