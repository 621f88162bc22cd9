package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/graftplatform/graft/internal/app"
)

// maxToken bounds how much of a token file is read.
const maxToken = 4096

// token finds the token for a server. One that the user gave goes to the
// servers that the user named. One found in the data directory belongs to a
// server on this machine, and is sent to no other.
type token struct {
	given string

	path   string // where the token of this machine's server was looked for
	err    error  // why it is not known
	remote bool   // it was not sent, as the server is on another machine
}

// load takes the token from the environment or the configuration file.
func (t *token) load(sources []source) {
	for _, s := range sources {
		if t.given = strings.TrimSpace(s.values.String(tokenKey)); t.given != "" {
			return
		}
	}
}

// forServer returns the token to send to a URL, which may be none.
func (t *token) forServer(base, dataDir string) string {
	if t.given != "" || dataDir == "" {
		return t.given
	}
	t.path = filepath.Join(dataDir, app.TokenFile)
	if t.remote = !isLoopback(base); t.remote {
		return ""
	}
	var found string
	found, t.err = readToken(t.path)
	return found
}

func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxToken))
	return strings.TrimSpace(string(data)), err
}

func isLoopback(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// hint says where the token should have come from.
func (t *token) hint() string {
	switch {
	case t.given != "":
		return "the token comes from GRAFT_TOKEN or graft.yaml: is it one of that server?"
	case t.path == "":
		return "set GRAFT_TOKEN to a token of that server"
	case t.remote:
		return fmt.Sprintf("set GRAFT_TOKEN to a token of that server; the one in %s is for servers on this machine only", t.path)
	case errors.Is(t.err, fs.ErrNotExist):
		return fmt.Sprintf("set GRAFT_TOKEN, or use the --data-dir of that \"graft up\": there is no %s", t.path)
	case t.err != nil:
		return fmt.Sprintf("the token can't be read (%v): run this as the user of \"graft up\", or set GRAFT_TOKEN", t.err)
	}
	return fmt.Sprintf("the token comes from %s: use the --data-dir of that \"graft up\", or set GRAFT_TOKEN", t.path)
}
