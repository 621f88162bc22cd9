package cli

import "github.com/spf13/pflag"

// databaseFlag is the flag of all commands that open the database themselves.
func databaseFlag(flags *pflag.FlagSet, value *string) {
	flags.StringVar(value, "database", "", "`URL` of a PostgreSQL, postgres://USER@HOST/NAME (default: a file in the data\ndirectory). Better give a password in PGPASSWORD or GRAFT_DATABASE: others can see flags")
}
