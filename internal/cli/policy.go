package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"github.com/graftplatform/graft"
)

func (p *program) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Show or set what addons may do to this host",
		Args:  noCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.policyShowCommand(), p.policySetCommand())
	return cmd
}

func (p *program) policyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show the engine's policy",
		Example: "  graft policy show\n  graft policy show -o yaml > policy.yaml",
		Args:    noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.engineClient()
			if err != nil {
				return err
			}
			policy, err := c.Policy(cmd.Context())
			if err != nil {
				return err
			}
			return p.print(policy, func(w io.Writer) { printPolicy(w, policy) })
		},
	}
}

func (p *program) policySetCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "set -f FILE|-",
		Short: "Replace the engine's policy",
		Long: `Replace the engine's policy, as YAML or JSON:

  rights:                # for each kind of right: allow, ask or deny
    docker_socket: deny
    host_path: ask
  registries: [ghcr.io]  # others are the right foreign_registry; empty: all
  host_paths: [/srv]     # for what is in there no consent is needed

What is left out gets its default. It is about what is installed from now on.`,
		Example: "  graft policy set -f policy.yaml",
		Args:    noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("%q needs --file: the file with the policy, or - for stdin", cmd.CommandPath())
			}
			return p.setPolicy(cmd.Context(), file)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`file` with the policy, - for stdin")
	return cmd
}

func (p *program) setPolicy(ctx context.Context, file string) error {
	data, err := p.readDocument("policy", file)
	if err != nil {
		return err
	}
	policy, err := decodePolicy(data)
	if err != nil {
		return graft.WrapError(graft.CodeInvalid, err, "%s is no policy", file)
	}
	c, err := p.engineClient()
	if err != nil {
		return err
	}
	set, err := c.SetPolicy(ctx, policy)
	if err != nil {
		return err
	}
	return p.print(set, func(w io.Writer) { printPolicy(w, set) })
}

// decodePolicy reads YAML, which JSON is too, and takes no field that a policy
// does not have.
func decodePolicy(data []byte) (policy graft.Policy, err error) {
	var document any
	if err := yaml.Unmarshal(data, &document); err != nil {
		return policy, err
	}
	if document == nil { // it would allow what the one before did not, and nobody has said so
		return policy, errors.New("it is empty; {} has the defaults")
	}
	data, err = json.Marshal(document)
	if err != nil {
		return policy, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return policy, misfit(decoder.Decode(&policy))
}

// misfit says why a document is no policy, without the words of the decoder.
func misfit(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Errorf("%s: a policy has no %s there", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("it is a mere %s", kind.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func printPolicy(w io.Writer, policy *graft.Policy) {
	row(w, "RIGHT", "ACTION")
	for _, kind := range graft.RightKinds() {
		row(w, string(kind), string(policy.Rights[kind]))
	}
	fmt.Fprintln(w)
	field(w, "Allowed registries", listed(policy.Registries, "all"))
	field(w, "Host paths without consent", listed(policy.HostPaths, "none"))
}

func listed(list []string, otherwise string) string {
	if len(list) == 0 {
		return otherwise
	}
	return strings.Join(list, ", ")
}
