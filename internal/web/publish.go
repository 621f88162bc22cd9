package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/draft"
	"github.com/graftplatform/graft/internal/web/words"
)

// maxDraft is what the marketplace takes of a descriptor, in bytes.
const maxDraft = 1 << 20

// Tabs of the page.
const (
	tabForm = "form"
	tabJSON = "json"
)

// editor is a draft on the page "Add New Addon", and what is to be said about it.
type editor struct {
	Tab    string
	Source string // the draft as JSON or, while that can't be read, as it was typed
	draft  *draft.Draft
	Form   *draft.Form // of that tab
	Marks  []draft.Mark
	// Checked is whether what is wrong is shown; nothing is of a form that nobody
	// has touched.
	Checked  bool
	Problems graft.Problems
	Warnings graft.Problems
	// Addon is what the descriptor would be in the marketplace; nil: it is not valid.
	Addon  *graft.Addon
	Rights []graft.Right
	// Refused is why it was not published, Notice what else did not go as it was
	// asked for.
	Refused string
	Notice  string
	SignIn  bool // he has to sign in again
}

// editing returns an editor of a text.
func editing(source, tab string) *editor {
	e := &editor{Tab: tab, Source: source}
	var err error
	if e.draft, err = draft.Parse(source); err != nil {
		e.Tab = tabJSON
	}
	return e
}

// check finds out what is wrong with the draft, unless a marketplace has said it.
func (e *editor) check() {
	descriptor, problems, warnings := draft.Check(e.Source)
	if e.Checked = true; e.Problems == nil {
		e.Problems = problems
	}
	e.Warnings = warnings
	if descriptor == nil {
		return
	}
	e.Addon = &graft.Addon{Descriptor: *descriptor}
	e.Addon.SetKind()
	e.Rights = descriptor.Rights()
	e.Addon.Risk = graft.Risk(e.Rights)
}

// lay puts what was found beside what it is about.
func (e *editor) lay() {
	if e.Tab == tabForm {
		e.Form = e.draft.Form(e.Problems, e.Warnings)
	} else if e.Checked {
		e.Marks = draft.Marks(e.Source, e.Problems, e.Warnings)
	}
}

// MarksJSON are the marks for the script that has the editor.
func (e *editor) MarksJSON() (string, error) {
	text, err := json.Marshal(e.Marks)
	return string(text), err
}

// State is how much was found, in a sentence.
func (e *editor) State() string {
	if !e.Checked {
		return words.NotChecked
	}
	return words.Findings(len(e.Problems), len(e.Warnings))
}

// refuse keeps why the draft was not published.
func (e *editor) refuse(err error) {
	e.Problems = nil
	var refusal *graft.Error
	if errors.As(err, &refusal) && len(refusal.Problems) > 0 {
		e.Problems = refusal.Problems
	}
	switch code := graft.ErrorCode(err); {
	case code == graft.CodeUnauthorized:
		e.Refused, e.SignIn = words.SignInAgain, true
	case len(e.Problems) > 0:
		e.Refused = words.MendFirst
	default:
		e.Refused = reason(err)
	}
}

// publishPage shows a draft to begin with: an addon's (from), an example's, or one
// that has nothing in it yet.
func (d *dashboard) publishPage(w http.ResponseWriter, r *http.Request, s *session) error {
	query := r.URL.Query()
	e := editing(draft.New().Text(), tabForm)
	switch from, example := query.Get("from"), words.Example(query.Get("example")); {
	case from != "":
		addon, err := s.market.Addon(r.Context(), from)
		if err != nil {
			return err
		}
		source, err := descriptorOf(addon)
		if err != nil {
			return err
		}
		e = editing(source, tabForm)
		e.check()
	case example != "":
		e = editing(example, tabForm)
		e.check()
	}
	return d.showEditor(w, r, s, http.StatusOK, e)
}

// descriptorOf is the descriptor of an addon, for another one: without the
// version, which can't be given twice.
func descriptorOf(addon *graft.Addon) (string, error) {
	descriptor := addon.Descriptor
	descriptor.Version = ""
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(descriptor); err != nil {
		return "", graft.WrapError(graft.CodeInternal, err, words.NoDescriptor)
	}
	d, err := draft.Parse(text.String())
	if err != nil {
		return "", err
	}
	d.Prune()
	return d.Text(), nil
}

// publish does what a button of the page says: most change the draft, one
// publishes it. Whatever comes of it, what was typed stays.
func (d *dashboard) publish(w http.ResponseWriter, r *http.Request, s *session) error {
	form, err := draftForm(r)
	if err != nil {
		return err
	}
	e := edited(form)
	status, do := http.StatusOK, form.Get("do")
	tab, switched := strings.CutPrefix(do, "tab:")
	switch {
	case do == "publish":
		addon, err := d.publishDraft(r, s, e)
		if err == nil {
			goOn(w, r, "/publish/"+addon.ID+"/progress")
			return nil
		}
		e.refuse(err)
		status = statusOf(graft.ErrorCode(err))
	case switched && e.draft == nil:
		e.Notice = words.UnreadableDraft
	case switched && tab == tabJSON:
		e.Tab = tabJSON
	case switched:
		e.Tab = tabForm
	case do != "" && e.draft != nil:
		if _, err := e.draft.Do(do); err != nil {
			e.Notice = reason(err)
		}
	}
	if e.draft != nil && e.Tab == tabForm {
		e.draft.Settle()
		e.Source = e.draft.Text()
	}
	e.check()
	return d.showEditor(w, r, s, status, e)
}

// edited returns the editor that a form comes from, with what was filled in.
func edited(form url.Values) *editor {
	tab := tabForm
	if form.Get("tab") == tabJSON {
		tab = tabJSON
	}
	e := editing(form.Get("json"), tab)
	if tab == tabForm && e.draft != nil {
		e.draft.Apply(form)
		e.Source = e.draft.Text()
	}
	return e
}

// publishDraft publishes what is in an editor. Who is not signed in any more is
// told so here: on the way to the sign-in all would be lost.
func (d *dashboard) publishDraft(r *http.Request, s *session, e *editor) (*graft.Addon, error) {
	if err := s.may(graft.PermitPublish); err != nil {
		return nil, err
	}
	return s.market.Publish(r.Context(), []byte(strings.TrimPrefix(e.Source, "\ufeff")))
}

// goOn shows another page.
func goOn(w http.ResponseWriter, r *http.Request, to string) {
	if partial(r) {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusOK)
		return
	}
	goTo(w, r, to)
}

// checkDraft says what is wrong while somebody types. The form stays as it is, also
// if he is not signed in any more: he is told when he publishes it.
func (d *dashboard) checkDraft(w http.ResponseWriter, r *http.Request, s *session) error {
	if !s.Can(client.Marketplace, graft.PermitPublish) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	form, err := draftForm(r)
	if err != nil {
		return err
	}
	e := edited(form)
	e.check()
	e.lay()
	return d.showPart(w, r, "publish", "findings", e)
}

// openFile begins with a file, or with a text that was pasted.
func (d *dashboard) openFile(w http.ResponseWriter, r *http.Request, s *session) error {
	source, err := fileText(r)
	e := editing(source, tabForm)
	if err != nil {
		e = editing(draft.New().Text(), tabForm)
		e.Notice = reason(err)
		return d.showEditor(w, r, s, statusOf(graft.ErrorCode(err)), e)
	}
	if e.draft != nil {
		e.Source = e.draft.Text()
	}
	e.check()
	return d.showEditor(w, r, s, http.StatusOK, e)
}

// openAgain is where who loads the page of a file again begins anew: browsers don't
// keep what was in it.
func (d *dashboard) openAgain(w http.ResponseWriter, r *http.Request, _ *session) error {
	goTo(w, r, "/publish")
	return nil
}

// fileText returns what is in the form to begin with a file.
func fileText(r *http.Request) (string, error) {
	if err := r.ParseMultipartForm(maxDraft); err != nil { //nolint:gosec // the body is bounded
		return "", graft.WrapError(graft.CodeMalformed, err, "%s", words.UnreadableForm)
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	if text := r.PostFormValue("text"); text != "" {
		return text, nil
	}
	file, _, err := r.FormFile("file")
	if err != nil {
		return "", graft.WrapError(graft.CodeMalformed, err, "%s", words.NoFile)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxDraft+1))
	switch {
	case err != nil:
		return "", graft.WrapError(graft.CodeMalformed, err, "%s", words.UnreadableForm)
	case len(data) > maxDraft:
		return "", graft.Errorf(graft.CodeTooLarge, "%s", words.BigFile)
	case len(bytes.TrimSpace(data)) == 0:
		return "", graft.Errorf(graft.CodeInvalid, "%s", words.NoFile)
	case !utf8.Valid(data) || bytes.ContainsRune(data, 0):
		return "", graft.Errorf(graft.CodeInvalid, "%s", words.NoText)
	}
	return string(data), nil
}

// draftForm returns what a form of the page sent.
func draftForm(r *http.Request) (url.Values, error) {
	if len(r.PostForm.Get("json")) > 2*maxDraft { // as it is written with spaces
		return nil, graft.Errorf(graft.CodeTooLarge, "%s", words.BigDraft)
	}
	return r.PostForm, nil
}

func (d *dashboard) showEditor(w http.ResponseWriter, r *http.Request, s *session, status int, e *editor) error {
	e.lay()
	if partial(r) {
		// A browser's console complains of any other status, though all is well.
		return d.showPart(w, r, "publish", "editor", e)
	}
	p := d.page(r, s, words.AddNewAddon)
	p.Content = e
	d.render(w, r, status, "publish", p)
	return nil
}
