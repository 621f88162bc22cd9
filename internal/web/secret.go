package web

import "regexp"

// secretName is what names of variables have whose values are not for every eye.
var secretName = regexp.MustCompile(`(?i)pass|pwd|secret|token|key|private|credential|auth|cookie|salt|jwt|dsn|connection_?string|webhook`)

// secretValue is what values have that are not for every eye, whatever they are
// called: an address with a user in it, words of a list that name a secret, a key.
var secretValue = regexp.MustCompile(`(?i)://[^\s]*@|(password|passwd|passphrase|pwd|secret|token|key)["']?\s*[=:]|-----BEGIN |\b(bearer|basic) \S`)

// isSecret is whether the value of a variable is left out of pages: rather too often
// than once too little.
func isSecret(name, value string) bool {
	return secretName.MatchString(name) || secretValue.MatchString(value)
}
