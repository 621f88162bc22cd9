package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// printError tells people what went wrong and what to do about it.
func (p *program) printError(cmd *cobra.Command, err error) {
	lines := errorLines(err)
	if hint := p.hint(cmd, err); hint != "" {
		lines = append(lines, hint)
	}
	fmt.Fprintln(p.stderr, "graft: "+strings.Join(lines, "\n  "))
}

// errorLines is the message, and one line for every problem.
func errorLines(err error) []string {
	if errors.Is(err, context.Canceled) {
		return []string{"interrupted"}
	}
	var e *graft.Error
	if !errors.As(err, &e) || len(e.Problems) == 0 {
		return strings.Split(clean(err.Error()), "\n")
	}
	var lines []string
	if e.Message != "" {
		lines = append(lines, clean(e.Message))
	} else {
		lines = append(lines, "this is not right:")
	}
	for _, problem := range e.Problems {
		lines = append(lines, clean(problem.String()))
	}
	return lines
}

// hint says what to do, where the message itself does not.
func (p *program) hint(cmd *cobra.Command, err error) string {
	var usage *usageError
	if errors.As(err, &usage) {
		return fmt.Sprintf("%q tells how it is used", cmd.CommandPath()+" --help")
	}
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) {
		return hintOfCertificate(unverified.Err)
	}
	var unreached *client.ConnectionError
	if errors.As(err, &unreached) {
		return fmt.Sprintf(`is "graft up" running there? --%s or GRAFT_%s says where it is`,
			unreached.Server, strings.ToUpper(string(unreached.Server)))
	}
	switch graft.ErrorCode(err) {
	case graft.CodeUnauthorized:
		return p.token.hint()
	case graft.CodeExists:
		return `"graft list" shows it; "graft enable" and "graft uninstall" change it`
	}
	return ""
}

// hintOfCertificate says what to do when a server's certificate is not trusted;
// nothing where only who runs the server can do something.
func hintOfCertificate(err error) string {
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		return ""
	}
	return "if it is the right server, name the certificate of the authority that signed its own with --tls-ca or GRAFT_TLS_CA"
}
