// Component stands in for cluster_scheduler, a component of the orchestrator.
package main

import (
	"os"

	"github.com/graftplatform/graft/examples/internal/server"
)

func main() {
	port := server.Getenv("API_PORT", "10105")
	os.Exit(server.Main(os.Args[1:], port, server.Name("cluster_scheduler, the component")))
}
