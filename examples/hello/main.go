// Hello is a small web server: the service of the simplest addon there is.
package main

import (
	"os"

	"github.com/graftplatform/graft/examples/internal/server"
)

func main() {
	port := server.Getenv("PORT", "10007")
	name := server.Getenv("NAME", "hello from a Graft addon")
	os.Exit(server.Main(os.Args[1:], port, server.Name(name)))
}
