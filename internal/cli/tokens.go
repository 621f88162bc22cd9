package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

func (p *program) tokenCommand() *cobra.Command {
	var on string
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke the tokens of a server",
		Long: `Make, list and revoke the tokens of a server, by which it knows who may do what.
A marketplace and an engine that run in one process have the same tokens; those
that run apart have their own: --on says which of the two is meant.`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	registerOn(cmd.PersistentFlags(), &on)
	cmd.AddCommand(p.tokenCreateCommand(&on), p.tokenListCommand(&on), p.tokenRevokeCommand(&on))
	return cmd
}

func registerOn(flags *pflag.FlagSet, on *string) {
	flags.StringVar(on, "on", string(client.Marketplace), "`server` that is meant: marketplace or engine")
}

// clientOn returns a client for the server of that name.
func (p *program) clientOn(on string) (*client.Client, client.Server, error) {
	switch server := client.Server(on); server {
	case client.Marketplace:
		c, err := p.marketClient()
		return c, server, err
	case client.Engine:
		c, err := p.engineClient()
		return c, server, err
	}
	return nil, "", usagef("--on %q: use marketplace or engine", on)
}

func (p *program) tokenCreateCommand(on *string) *cobra.Command {
	var request graft.TokenRequest
	var role string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token, and print it this once",
		Long: `Make a token for somebody of that name, and print it: nobody can ask for it again.

Roles: viewer sees everything; publisher publishes addons, and owns the names
that it published first; reviewer approves and rejects addons; operator installs
addons; admin may do everything.`,
		Example: "  graft token create ci --role publisher --expires 90d",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Name, request.Role = args[0], graft.Role(role)
			if role == "" {
				return usagef("say with --role what %s may do: %v", request.Name, graft.Roles())
			}
			return p.createToken(cmd.Context(), *on, request)
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "`role` of who has it: viewer, publisher, reviewer, operator or admin")
	cmd.Flags().Func("expires", "how `long` it is good for, such as 90d or 12h (default: until it is revoked)", func(text string) (err error) {
		request.Lasts, err = lifetime(text)
		return err
	})
	return cmd
}

// lifetime reads a time above zero, in days or as Go writes times.
func lifetime(text string) (time.Duration, error) {
	lasts, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		const day = 24 * time.Hour
		lasts = time.Duration(min(n, int(graft.MaxTokenLife/day)+1)) * day // more is refused all the same
	}
	if err != nil || lasts <= 0 {
		return 0, errors.New("use a time above zero, such as 90d or 12h")
	}
	return lasts, nil
}

func (p *program) createToken(ctx context.Context, on string, request graft.TokenRequest) error {
	c, server, err := p.clientOn(on)
	if err != nil {
		return err
	}
	issued, err := c.CreateToken(ctx, server, request)
	if err != nil {
		return err
	}
	if p.flags.output == outputTable {
		// The token alone goes to stdout, for scripts.
		fmt.Fprintf(p.stderr, "%s is %s on the %s%s. Keep the token safe; it is not shown again:\n",
			issued.Name, issued.Role, server, until(issued.ExpiresAt))
		fmt.Fprintln(p.stdout, issued.Secret)
		return nil
	}
	return p.print(issued, nil)
}

func until(expires *time.Time) string {
	if expires == nil {
		return ""
	}
	return " until " + date(*expires)
}

func (p *program) tokenListCommand(on *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List tokens, also those that are good no more; the secrets are nowhere",
		Args:  noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, server, err := p.clientOn(*on)
			if err != nil {
				return err
			}
			tokens, err := c.Tokens(cmd.Context(), server)
			if err != nil {
				return err
			}
			if tokens == nil {
				tokens = []graft.Token{}
			}
			return p.print(tokens, func(w io.Writer) { printTokens(w, tokens, time.Now()) })
		},
	}
}

func printTokens(w io.Writer, tokens []graft.Token, now time.Time) {
	row(w, "ID", "NAME", "ROLE", "STATE", "CREATED", "EXPIRES", "LAST USED")
	for _, t := range tokens {
		state := "good"
		switch {
		case t.RevokedAt != nil:
			state = "revoked"
		case t.ExpiresAt != nil && now.After(*t.ExpiresAt):
			state = "expired"
		}
		row(w, t.ID, t.Name, string(t.Role), state, date(t.CreatedAt), optionalDate(t.ExpiresAt), optionalDate(t.LastUsedAt))
	}
}

func optionalDate(t *time.Time) string {
	if t == nil {
		return ""
	}
	return date(*t)
}

func (p *program) tokenRevokeCommand(on *string) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME|ID",
		Short: "End a token, at once",
		Args:  oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, server, err := p.clientOn(*on)
			if err != nil {
				return err
			}
			token, err := findToken(cmd.Context(), c, server, args[0])
			if err != nil {
				return err
			}
			if err := c.RevokeToken(cmd.Context(), server, token.ID); err != nil {
				return err
			}
			fmt.Fprintf(p.stdout, "%s (%s) is revoked\n", oneLine(token.Name), token.ID)
			return nil
		},
	}
}

// findToken returns the token of that id, else the one of that name that was
// not revoked.
func findToken(ctx context.Context, c *client.Client, server client.Server, nameOrID string) (*graft.Token, error) {
	tokens, err := c.Tokens(ctx, server)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(tokens, func(t graft.Token) bool { return strings.EqualFold(t.ID, nameOrID) }); i >= 0 {
		return &tokens[i], nil
	}
	var names []string
	for i, t := range tokens {
		if t.RevokedAt != nil {
			continue
		}
		if t.Name == nameOrID {
			return &tokens[i], nil
		}
		names = append(names, t.Name)
	}
	return nil, graft.Errorf(graft.CodeNotFound, "the %s has no token with the name or id %q%s\n\"graft token list\" lists them",
		server, nameOrID, didYouMean(nameOrID, names))
}
