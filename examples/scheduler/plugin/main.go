// Plugin is a scheduler that replaces the component cluster_scheduler.
package main

import (
	"os"

	"github.com/graftplatform/graft/examples/internal/server"
)

func main() {
	port := server.Getenv("API_PORT", "10105")
	os.Exit(server.Main(os.Args[1:], port, server.Name("random-scheduler, the plugin")))
}
