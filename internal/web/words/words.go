// Package words has the English texts of the dashboard that code chooses between;
// those that are always on a page are in the templates beside it. Scripts have none:
// they find theirs in the page.
//
// Texts are constants, with verbs of package fmt for what differs; functions choose
// by what something is. Names of fields, roles, kinds and the like are the
// descriptor's and the API's own, and no texts.
package words

import (
	"unicode"
	"unicode/utf8"
)

// What pages say when there is nothing else to be shown.
const (
	NoSuchPage      = "There is no page at this address."
	ForeignForm     = "This form was sent by a page of another address than this dashboard's. Open the dashboard itself and try again. If it is behind a proxy, the proxy has to pass the header Host on."
	SignInFirst     = "Sign in to see this."
	NotYourRole     = "This token is of %s, with the role %q. It lacks the permission %q: ask an administrator for another, or sign in with one that has it."
	TokenOfOther    = "The %s did not know the token that you signed in with, or was away then: sign in again, with one of its own." //nolint:gosec // no credential
	TooManySessions = "Too many people are signed in. Try again in some hours, or start the dashboard anew."
	TooLate         = "No answer came in time."
	Unreadable      = "The answer can't be read; the dashboard's log has more."
	PageFault       = "This page can't be shown; the dashboard's log says why."
	WrongDays       = "A token can't be good for %.20q days: choose a number from 1 to %d."
	NoToken         = "Type or paste a token." //nolint:gosec // no credential
	WrongToken      = "No server knows this token. It may be mistyped, expired or revoked."
	NoEngineHere    = "This dashboard is for a marketplace alone: there is no engine that could be asked."
	UnreadableForm  = "What was sent can't be read: it is too long, or it was cut short. Nothing was done. Load the page again."
	ForeignLink     = "A page of another address led to this link, which would sign you in as somebody else. If it is yours, copy it into the address bar. It is still good."
	UsedLink        = "This link was used before, or it is older than a minute. Run graft dashboard again for a new one."
	NoService       = "%s has no service %q."
	NoRevision      = "the form has no revision"
	NoDescriptor    = "the descriptor can't be written as JSON"
	NoReadme        = "the readme can't be rendered"
	OnlyGet         = "only GET is possible here"
)

// What the page for a new addon has to say.
const (
	SignInAgain     = "You are not signed in any more. Sign in in another tab, then press Publish here again: what you typed is still here."
	MendFirst       = "What is to be mended first is below, and beside the fields."
	UnreadableDraft = "The form can't show what is no JSON: mend it here first."
	NoFile          = "Choose a file with a descriptor in it first."
	BigFile         = "The file is larger than a megabyte: descriptors are smaller."
	BigDraft        = "The descriptor is larger than a megabyte, which no marketplace takes."
	NoText          = "The file is not text in UTF-8: choose one with a descriptor as JSON."
	NotChecked      = "What is wrong is told here while you fill in the form."
)

// Findings is how much is wrong with a draft, in a sentence.
func Findings(problems, warnings int) string {
	some, more := Count(problems, "problem", "problems"), Count(warnings, "warning", "warnings")
	switch {
	case problems+warnings == 0:
		return "Nothing is wrong: it can be published."
	case problems == 0:
		return more + ", and nothing that keeps it from being published."
	case warnings == 0:
		return some + "."
	}
	return some + ", " + more + "."
}

// What a draft says of what can't be done with it.
const (
	NoSuchButton = "The form has nothing that %q could be done with: load the page again."
	NoSuchItem   = "There is no %s.%s any more: load the page again."
	NoList       = "%s has something else than a list: mend it in the JSON first."
	TooManyItems = "An addon has at most %d of them."
	NotTaken     = "It was not taken, and the answer says no reason."
	MakesPlugin  = "It takes the place of %s: this makes the addon a plugin."
	BrokenJSON   = "The JSON can't be read: %s (line %d, column %d)."
	NotUTF8      = "here is a byte that is not UTF-8"
	EndsTooEarly = "it ends too early"
	NestsTooDeep = "it nests too deep"
	NotAnObject  = `a descriptor is an object: it begins with "{"`
)

// Sentence makes a sentence of what BrokenJSON has in its middle.
func Sentence(part string) string {
	first, size := utf8.DecodeRuneInString(part)
	return string(unicode.ToUpper(first)) + part[size:] + "."
}

// What the picture of an addon says beside names. The sentence about a service is
// put together from the last ones.
const (
	StepsAside  = "steps aside"
	HostPort    = "Host port %s"
	InsidePort  = "to port %s inside"
	HostPath    = "path on the host"
	Volume      = "volume"
	Network     = "network"
	AService    = "Service %s"
	TakesPlace  = " takes the place of %s"
	AnswersOn   = ", answers on host port %s"
	MountsThis  = ", mounts %s"
	IsOnNetwork = ", is on network %s"
)
