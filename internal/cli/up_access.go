package cli

import (
	"github.com/spf13/pflag"

	"github.com/graftplatform/graft/internal/app"
)

// registerAccess registers the flags that say who may do what.
func (u *upFlags) registerAccess(flags *pflag.FlagSet) {
	o := &u.options.AccessOptions
	flags.StringVar(&o.Auth, "auth", app.AuthToken, "who may change things: token (who has the token in the data directory, or one\nthat \"graft token create\" made), oakestra (also users of Oakestra) or none\n(everybody may)")
	flags.BoolVar(&o.Insecure, "insecure", false, "listen beyond this host even with --auth none")
	flags.StringVar(&o.OakestraKeyURL, "oakestra-key-url", app.DefaultOakestraKeyURL, "`URL` of the public key of Oakestra's tokens, for --auth oakestra")
	flags.StringVar(&o.OIDCIssuer, "oidc-issuer", "", "`URL` of an OpenID Connect issuer whose tokens are accepted, too")
	flags.StringVar(&o.OIDCAudience, "oidc-audience", "", "`audience` that these tokens must be for")
	flags.StringVar(&o.OIDCRoleClaim, "oidc-role-claim", "roles", "`claim` of these tokens with the user's roles; a dot leads into an object")
	flags.StringSliceVar(&o.OIDCRoles, "oidc-role", nil, "`THEIRS=OURS`: a role of the issuer's is that one of ours; may be given often")
	flags.StringVar(&o.TLSCert, "tls-cert", "", "`file` with the certificate of all roles, in PEM, the chain included (default: no\nTLS); it is read again when it changes")
	flags.StringVar(&o.TLSKey, "tls-key", "", "`file` with the certificate's key")
}
