package shield

import (
	"net/http"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
)

// protection knows the origins that may change things; nil if all may.
func protection(origins []string) (*http.CrossOriginProtection, error) {
	if slices.Contains(origins, "*") {
		return nil, nil
	}
	p := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := p.AddTrustedOrigin(strings.TrimSuffix(origin, "/")); err != nil {
			return nil, graft.WrapError(graft.CodeInvalid, err,
				"%q is no origin: write it as http://host:port, as browsers do, or * for all, with --cors-origin", origin)
		}
	}
	return p, nil
}

// checkOrigin refuses changes that a browser sends for a page of another origin.
// What is no browser sends neither Origin nor Sec-Fetch-Site.
func (s *shield) checkOrigin(r *http.Request) error {
	if safe(r.Method) || s.origins == nil {
		return nil
	}
	origin := r.Header.Get("Origin")
	foreign := s.origins.Check(r) != nil
	if s.NoPages && !foreign {
		foreign = (origin != "" || r.Header.Get("Sec-Fetch-Site") != "") && !slices.Contains(s.Origins, origin)
	}
	if !foreign {
		return nil
	}
	return graft.Errorf(graft.CodeForbidden,
		"A page of the origin %.100q may change nothing here. If it is to, the operator of this server allows it with --cors-origin.", origin)
}
