package verify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/graftplatform/graft"
)

// busyError is a registry's wish to be asked again, not before some time.
type busyError struct {
	error
	after time.Duration
}

func (e *busyError) Unwrap() error { return e.error }

// RetryAfter is how long the registry asked to be left alone, 0 if it did not.
func RetryAfter(err error) time.Duration {
	var busy *busyError
	if errors.As(err, &busy) {
		return busy.after
	}
	return 0
}

// explain makes a *graft.Error of what a registry, or the way there, answered.
func explain(err error, t target, after time.Duration) error {
	var known *graft.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, errTooLarge) {
		return graft.WrapError(graft.CodeInvalid, err,
			"Registry %s answered with more than 4 MiB for image %s, which no proper image needs.", t.registry(), t.image)
	}
	if errors.Is(err, errTooMany) {
		return graft.WrapError(graft.CodeUpstream, err,
			"Registry %s redirects without end when it is asked for image %s. Correct the registry, or the reference.", t.registry(), t.image)
	}
	if reason, ok := tlsReason(err, t.name.Context().Scheme() == "http"); ok {
		return graft.WrapError(graft.CodeUpstream, err, "Registry %s can't be trusted: %s (image %s).", t.registry(), reason, t.image)
	}
	var refusal *transport.Error
	if errors.As(err, &refusal) {
		return explainStatus(refusal, t, after)
	}
	if reason, ok := networkReason(err); ok {
		return graft.WrapError(graft.CodeUnavailable, err, "Registry %s can't be reached: %s (image %s).", t.registry(), reason, t.image)
	}
	return graft.WrapError(graft.CodeUpstream, err,
		"Registry %s gave an answer for image %s that makes no sense: %s.", t.registry(), t.image, printable(err.Error()))
}

// explainStatus is for answers with an HTTP status that tells of a failure.
func explainStatus(err *transport.Error, t target, after time.Duration) error {
	said := diagnosis(err)
	switch status := err.StatusCode; {
	case status == http.StatusTooManyRequests || has(err, transport.TooManyRequestsErrorCode):
		return graft.WrapError(graft.CodeUnavailable, &busyError{err, after},
			"Registry %s has too many requests just now%s (image %s).", t.registry(), said, t.image)
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout, has(err, transport.UnavailableErrorCode):
		return graft.WrapError(graft.CodeUnavailable, &busyError{err, after},
			"Registry %s has a fault of its own: status %d%s (image %s).", t.registry(), status, said, t.image)
	case status == http.StatusNotFound:
		return graft.WrapError(graft.CodeNotFound, err,
			"Registry %s has no image %s%s. Push it, or correct the reference.", t.registry(), t.image, said)
	case status == http.StatusUnauthorized:
		return graft.WrapError(graft.CodeUnauthorized, err, refusalText, t.registry(), t.image, said, t.registry())
	case status == http.StatusForbidden:
		return graft.WrapError(graft.CodeForbidden, err, refusalText, t.registry(), t.image, said, t.registry())
	default:
		return graft.WrapError(graft.CodeUpstream, err,
			"Registry %s answered status %d for image %s%s.", t.registry(), status, t.image, said)
	}
}

const refusalText = "Registry %s says no to image %s%s. Either there is no such image, or it needs a login: " +
	`run "docker login %s" as the user that runs the marketplace, or make the image public.`

func has(err *transport.Error, code transport.ErrorCode) bool {
	for _, d := range err.Errors {
		if d.Code == code {
			return true
		}
	}
	return false
}

// diagnosis is what the registry itself said, ready to be put into a sentence.
func diagnosis(err *transport.Error) string {
	if len(err.Errors) == 0 {
		return ""
	}
	d := err.Errors[0]
	said := strings.TrimSpace(strings.Trim(printable(d.Message), ". "))
	if said == "" {
		said = printable(string(d.Code))
	}
	return " (" + said + ")"
}

// printable makes text of a stranger fit for a message: one line, not long.
func printable(text string) string {
	const limit = 200
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit]) + "…"
	}
	return text
}

// tlsReason is for encryption that can't be set up; that takes a person. A
// registry that may do without was asked both ways, and not to speak TLS is no
// reason then.
func tlsReason(err error, plain bool) (string, bool) {
	var authority x509.UnknownAuthorityError
	if errors.As(err, &authority) {
		return `its certificate is of an authority that is not known here: give "graft up" the one of that authority with --tls-ca`, true
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return "its certificate is not valid here (" + printable(certificate.Err.Error()) + ")", true
	}
	var record tls.RecordHeaderError
	if !plain && (errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)) {
		return "it does not speak TLS, and only registries on this host or in a private network may do without it", true
	}
	return "", false
}

// networkReason is for everything on the way that may be better next time.
func networkReason(err error) (string, bool) {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "its name can't be resolved (" + printable(dns.Err) + ")", true
	}
	var operation *net.OpError
	if errors.As(err, &operation) {
		return printable(operation.Err.Error()), true
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it closed the connection before the end of its answer", true
	}
	var request *url.Error
	if errors.As(err, &request) {
		return printable(request.Err.Error()), true
	}
	var network net.Error
	if errors.As(err, &network) {
		return printable(network.Error()), true
	}
	return "", false
}
