package words

import "github.com/graftplatform/graft"

// What pages are called, in the menu and above. What is of an addon has its name.
const (
	Marketplace   = "Marketplace"
	AddNewAddon   = "Add New Addon"
	Publishing    = "Publishing %s"
	Install       = "Install %s"
	ChangeVersion = "Change the version of %s"
	Installed     = "Installed"
	LogsOf        = "Logs of %s"
	Uninstall     = "Uninstall %s"
	Uninstalled   = "Uninstalled"
	Components    = "Components"
	Review        = "Review"
	Audit         = "Audit"
	Tokens        = "Tokens"
	Settings      = "Settings"
	About         = "About"
	SignIn        = "Sign in"
)

// ProblemTitle is the title of a page that says why there is no other.
func ProblemTitle(code graft.Code) string {
	switch code {
	case graft.CodeNotFound:
		return "Not found"
	case graft.CodeForbidden, graft.CodeUnauthorized:
		return "Not allowed"
	case graft.CodeUnavailable, graft.CodeUpstream:
		return "Not available"
	case graft.CodeConflict, graft.CodeConsent, graft.CodeRefused, graft.CodeExists:
		return "Not possible just now"
	case graft.CodeInvalid, graft.CodeMalformed, graft.CodeTooLarge:
		return "Something is wrong with that"
	case graft.CodeTooMany:
		return "Too much at once"
	}
	return "Something went wrong"
}
