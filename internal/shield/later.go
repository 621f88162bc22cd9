package shield

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// laterError is a refusal that goes away by itself.
type laterError struct {
	error
	after time.Duration
}

func (e *laterError) Unwrap() error { return e.error }

// SetRetryAfter tells a client when to come again, in whole seconds, if that is
// what err is about.
func SetRetryAfter(h http.Header, err error) {
	var later *laterError
	if errors.As(err, &later) {
		h.Set("Retry-After", strconv.FormatInt(int64((later.after+time.Second-1)/time.Second), 10))
	}
}
