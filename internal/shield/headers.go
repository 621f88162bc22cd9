package shield

import "net/http"

// headers are what every answer begins with. Handlers whose pages need more than
// nothing set a Content-Security-Policy of their own.
func headers() map[string]string {
	return map[string]string{
		"Content-Security-Policy":      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	}
}

// shared makes values that many answers can share: setting a header replaces
// its values, and adding to values that have no room copies them.
func shared(values map[string]string) http.Header {
	h := make(http.Header, len(values))
	for key, value := range values {
		h[key] = []string{value}
	}
	return h
}
