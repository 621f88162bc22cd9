package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"graft": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())) },
	})
}

// TestScript runs the command in user stories, each against servers of its own.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			url := newFakeAPI(env.T().(testing.TB))
			data := filepath.Join(env.WorkDir, "data")
			env.Setenv("GRAFT_ENGINE", url)
			env.Setenv("GRAFT_MARKETPLACE", url)
			env.Setenv("GRAFT_DASHBOARD", url)
			env.Setenv("TAKEN", strings.TrimPrefix(url, "http://"))
			env.Setenv("GRAFT_DATA_DIR", data)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command takes a second more
			if err := os.Mkdir(data, 0o700); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(data, "token"), []byte(fakeToken+"\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits CODE COMMAND... runs a command and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := exitStatus(err); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func exitStatus(err error) string {
	if err == nil {
		return "0"
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}
