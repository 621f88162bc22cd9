package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/graftplatform/graft"
)

// registerAllow gives a command the flag that agrees to rights. There is none
// that agrees to all: who allows something is to have seen what.
func registerAllow(cmd *cobra.Command, consent *[]string) {
	cmd.Flags().StringArrayVar(consent, "allow", nil,
		"agree to what the addon may do to the host: a `KIND[:TARGET]` such as docker_socket,\nhost_path:/srv/data or, only to be read, host_path:/srv/data:ro; may be given often")
}

// checkAllow returns what is wrong with the values of --allow, if anything.
func checkAllow(consent []string) error {
	for _, text := range consent {
		if _, err := graft.ParseGrant(text); err != nil {
			return usagef("--allow %s: %s", text, graft.ErrorMessage(err))
		}
	}
	return nil
}

// agreed makes a request to the engine and, on a terminal, asks the user for the
// consent that is missing. In a pipe nobody is asked: the error says which flags to
// add.
func (p *program) agreed(ctx context.Context, name string, request graft.InstallRequest,
	ask func(context.Context, graft.InstallRequest) (*graft.Installation, error),
) (*graft.Installation, error) {
	i, err := ask(ctx, request)
	var e *graft.Error
	if !errors.As(err, &e) || e.Code != graft.CodeConsent || len(e.Rights) == 0 {
		return i, err
	}
	agreed, asked := false, p.canAsk()
	if asked {
		if agreed, err = p.agree(ctx, name, e.Rights); err != nil {
			return nil, err
		}
	}
	switch {
	case agreed:
		request.Consent = append(request.Consent, graft.GrantsFor(e.Rights)...)
		return ask(ctx, request)
	case asked:
		return nil, graft.Errorf(graft.CodeConsent, "nobody agreed to that, and nothing was installed")
	}
	return nil, graft.Errorf(graft.CodeConsent, "%s", missingText(name, e.Rights))
}

// missingText lists rights that nobody has agreed to, and how to.
func missingText(name string, missing []graft.Right) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s needs consent to what it may do to the host, and nothing was installed:\n", oneLine(name))
	for _, right := range missing {
		fmt.Fprintf(&b, "%s (%s): %s\n", oneLine(right.Grant().String()), right.Level, oneLine(right.Text))
	}
	fmt.Fprintf(&b, "who agrees adds:%s", allowFlags(graft.GrantsFor(missing)))
	return b.String()
}

// allowFlags writes consent as it is given on a command line that can be pasted
// into a shell, with a space before each flag.
func allowFlags(consent []string) string {
	var b strings.Builder
	for _, text := range consent {
		b.WriteString(" --allow " + shellWord(oneLine(text)))
	}
	return b.String()
}

// shellWord quotes what a shell would read something into.
func shellWord(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/,+@%="
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// canAsk is whether there is somebody to answer a question.
func (p *program) canAsk() bool {
	f, ok := p.stdin.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// agree shows rights and asks for consent to them; anything but yes is no. The
// question is put to the terminal itself, as the output may go elsewhere.
func (p *program) agree(ctx context.Context, name string, missing []graft.Right) (bool, error) {
	out := p.stderr
	if tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		defer tty.Close()
		out = tty
	}
	w := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	fmt.Fprintf(w, "%s may do this to the host:\n\n", oneLine(name))
	printRights(w, missing, nil)
	fmt.Fprintf(w, "\nAllow it? [y/N] ")
	if err := w.Flush(); err != nil {
		return false, err
	}
	answer := make(chan string, 1) // whoever reads a terminal can't be told to stop
	go func() {
		line, _ := bufio.NewReader(p.stdin).ReadString('\n') // no answer is no
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-answer:
		return line == "y" || line == "yes", nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// printRights writes a table of rights, with what is said about each unless say is
// nil.
func printRights(w io.Writer, rights []graft.Right, say func(graft.Right) string) {
	if len(rights) == 0 {
		return
	}
	header := []string{"RISK", "RIGHT"}
	if say != nil {
		header = append(header, "CONSENT")
	}
	row(w, append(header, "WHAT IT MEANS")...)
	for _, right := range rights {
		cells := []string{string(right.Level), right.Grant().String()}
		if say != nil {
			cells = append(cells, say(right))
		}
		row(w, append(cells, right.Text)...)
	}
}

// addonRights returns an addon's rights and their risk, found here if the
// marketplace is of a time before there were any.
func addonRights(a *graft.Addon) ([]graft.Right, graft.RiskLevel) {
	rights := a.Rights
	if rights == nil {
		rights = a.Descriptor.Rights()
	}
	return rights, graft.Risk(rights)
}

// consentState says of each right of a plan whether consent to it is missing.
func consentState(plan *graft.Plan) func(graft.Right) string {
	in := func(list []graft.Right, right graft.Right) bool {
		for _, other := range list {
			if other == right {
				return true
			}
		}
		return false
	}
	return func(right graft.Right) string {
		switch {
		case in(plan.Denied, right):
			return "denied by the policy"
		case in(plan.Missing, right):
			return "needed"
		}
		return ""
	}
}
