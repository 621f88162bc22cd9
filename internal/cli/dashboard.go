package cli

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"

	"github.com/spf13/cobra"
)

func (p *program) dashboardCommand() *cobra.Command {
	var noOpen bool
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "Open the dashboard in a browser, signed in",
		Long: `Ask the dashboard for a link that signs in whose the token is, print it, and open
it in a browser where there is one. The link is good once, and not for long.`,
		Args: noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			link, err := p.signInLink(cmd.Context())
			if err != nil {
				return err
			}
			answer := struct {
				URL string `json:"url"`
			}{link}
			if err := p.print(answer, func(w io.Writer) { row(w, link) }); err != nil || noOpen {
				return err
			}
			if err := p.openBrowser(cmd.Context(), link); err != nil {
				fmt.Fprintf(p.stderr, "no browser was opened: %s\n", oneLine(err.Error()))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&noOpen, "no-open", false, "only print the link")
	return cmd
}

// openBrowser shows a page to who sits at this machine; nothing where nobody can
// see it. What became of it is not known.
func (p *program) openBrowser(ctx context.Context, url string) error {
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	} else if p.getenv("DISPLAY") == "" && p.getenv("WAYLAND_DISPLAY") == "" {
		return nil
	}
	path, err := exec.LookPath(opener)
	if err != nil {
		return nil //nolint:nilerr // the link is printed, and can be opened by hand
	}
	// It may stay for as long as the browser does: nobody waits for it, nor ends it.
	return exec.CommandContext(context.WithoutCancel(ctx), path, url).Start()
}
