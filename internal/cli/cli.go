// Package cli is the command line of Graft.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/version"
)

// Exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3 // nothing was touched
)

// program is one run of the command line.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string

	flags   globalFlags
	token   token
	serve   func(context.Context, app.Options) error // what "up" does
	started bool                                     // arguments and settings are fine; the command itself runs
}

// Main runs the command line and returns the exit code. It does not return
// before the command has ended; SIGINT and SIGTERM ask for that, a second one
// ends the process.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return newProgram(stdin, stdout, stderr, env).run(ctx, args)
}

func newProgram(stdin io.Reader, stdout, stderr io.Writer, env []string) *program {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, env: env}
	p.serve = p.up
	return p
}

func (p *program) run(ctx context.Context, args []string) int {
	root := p.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var usage *usageError
	if !p.started && !errors.As(err, &usage) {
		// What cobra itself finds wrong is wrong with the arguments.
		err = &usageError{err}
	}
	p.printError(cmd, err)
	return exitCode(err)
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "graft",
		Short: "Addons for Oakestra: publish, install, swap components, roll back",
		Long: `Graft is the addon platform for Oakestra.

Settings come from flags, then GRAFT_* environment variables (--data-dir is
GRAFT_DATA_DIR), then graft.yaml (--config, else the one in the current
directory; keys are the names of the flags).

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused (nothing was touched).`,
		Args:          noCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.applySettings(cmd); err != nil {
				return err
			}
			p.started = true
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	p.flags.register(root.PersistentFlags())
	root.AddCommand(
		p.upCommand(), p.dbCommand(),
		p.validateCommand(), p.publishCommand(), p.searchCommand(), p.showCommand(),
		p.versionsCommand(), p.verifyCommand(), p.yankCommand(), p.deprecateCommand(), p.ownerCommand(), p.reviewCommand(),
		p.installCommand(), p.listCommand(), p.statusCommand(), p.topCommand(), p.logsCommand(), p.eventsCommand(), p.planCommand(),
		p.upgradeCommand(), p.disableCommand(), p.enableCommand(), p.uninstallCommand(),
		p.componentsCommand(), p.policyCommand(), p.tokenCommand(), p.auditCommand(), p.dashboardCommand(), p.versionCommand(),
	)
	root.Version = version.String()
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = knownCommand
	}
	return root
}

// noCommand refuses what is left when cobra finds no command of that name.
func noCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, cmd := range root.Commands() {
		names = append(names, cmd.Name())
	}
	return usagef("there is no command %q%s", args[0], didYouMean(args[0], names))
}

// knownCommand refuses to help with a command that does not exist.
func knownCommand(help *cobra.Command, args []string) error {
	if _, rest, err := help.Root().Find(args); err != nil || len(rest) > 0 {
		return noCommand(help.Root(), args)
	}
	return nil
}

// oneArgument wants the one argument that a command's usage names.
func oneArgument(cmd *cobra.Command, args []string) error {
	_, what, _ := strings.Cut(cmd.Use, " ")
	switch len(args) {
	case 0:
		return usagef("%q needs one argument: %s", cmd.CommandPath(), what)
	case 1:
		return nil
	}
	return usagef("%q takes one argument, %s, and was given %d: %q", cmd.CommandPath(), what, len(args), args)
}

// noArgument wants none.
func noArgument(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%q takes no argument, and was given %q", cmd.CommandPath(), args)
}

// usageError is an error in how the command was called.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef makes a usageError.
func usagef(format string, args ...any) error {
	return &usageError{graft.Errorf(graft.CodeInvalid, format, args...)}
}

// failedError is an error that is no refusal, whatever its code says.
type failedError struct{ err error }

func (e *failedError) Error() string { return e.err.Error() }
func (e *failedError) Unwrap() error { return e.err }

func exitCode(err error) int {
	var usage *usageError
	var failed *failedError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &failed):
		return exitFailed
	}
	switch graft.ErrorCode(err) {
	case graft.CodeConflict, graft.CodeRefused, graft.CodeExists, graft.CodeForbidden, graft.CodeConsent:
		return exitRefused
	}
	return exitFailed
}
