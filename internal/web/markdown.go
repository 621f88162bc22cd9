package web

import (
	"bytes"
	"html/template"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// longestParagraph is how long what stands together in a readme may be, in bytes. How
// long it takes to read marks grows with the square of that.
const longestParagraph = 8 << 10

// markdown renders a readme, which a stranger wrote. Nothing in it may run, load
// anything, or look like a part of the dashboard: no scripts, styles, forms, images
// or classes are left of it. One with a paragraph that nobody would read is shown as it
// is.
func markdown(source string) (template.HTML, error) {
	if longest(source) > longestParagraph {
		return template.HTML("<pre>" + template.HTMLEscapeString(source) + "</pre>"), nil //nolint:gosec // escaped
	}
	var html bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(source), &html); err != nil {
		return "", graft.WrapError(graft.CodeInternal, err, words.NoReadme)
	}
	allowed := bluemonday.NewPolicy()
	allowed.AllowElements("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote",
		"ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td")
	allowed.AllowAttrs("href").OnElements("a")
	allowed.AllowURLSchemes("http", "https", "mailto")
	allowed.RequireNoFollowOnLinks(true)
	allowed.RequireNoReferrerOnLinks(true)
	allowed.AddTargetBlankToFullyQualifiedLinks(true)
	return template.HTML(allowed.SanitizeBytes(html.Bytes())), nil //nolint:gosec // sanitised
}

// longest is how long the longest run of lines is of which none is empty, in bytes.
func longest(source string) int {
	most, now := 0, 0
	for line := range strings.Lines(source) {
		if now += len(line); strings.TrimSpace(line) == "" {
			now = 0
		}
		most = max(most, now)
	}
	return most
}
