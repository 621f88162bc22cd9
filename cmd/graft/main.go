// Command graft is the addon platform for Oakestra: marketplace, engine and
// dashboard in one binary, and the command line for all of them.
package main

import (
	"os"

	"github.com/graftplatform/graft/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}
