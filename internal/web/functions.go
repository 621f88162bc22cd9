package web

import (
	"html/template"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// functions are what templates can call.
func functions(a *assets) template.FuncMap {
	icons := a.url("icons.svg")
	return template.FuncMap{
		"asset": a.url,
		"icon": func(name string) template.HTML {
			return template.HTML(`<svg class="icon" aria-hidden="true"><use href="` + icons + "#" + template.HTMLEscapeString(name) + `"/></svg>`) //nolint:gosec // escaped
		},
		"ago":       ago,
		"times":     words.TimeWords,
		"bytes":     words.Bytes,
		"millis":    func(ms int64) string { return words.Duration(time.Duration(ms) * time.Millisecond) },
		"join":      strings.Join,
		"digest":    shortDigest,
		"kind":      words.Kind,
		"check":     words.CheckName,
		"addonIs":   words.AddonBadge,
		"isNow":     words.InstallationBadge,
		"outcome":   words.OutcomeBadge,
		"service":   words.ServiceBadge,
		"risk":      words.RiskBadge,
		"checkIs":   words.CheckBadge,
		"event":     words.EventBadge,
		"count":     words.Count,
		"percent":   words.Percent,
		"share":     share,
		"operates":  func(s *session) bool { return s.Can(client.Engine, graft.PermitOperate) },
		"reads":     func(s *session) bool { return s.Can(client.Engine, graft.PermitRead) },
		"publishes": func(s *session) bool { return s.Can(client.Marketplace, graft.PermitPublish) },
		"platforms": func() []string { return []string{"linux/amd64", "linux/arm64", "linux/arm/v7"} },
	}
}

// ago is a time, relative to now, and exactly for who points at it.
func ago(t time.Time) template.HTML {
	if t.IsZero() {
		return ""
	}
	exact := t.UTC().Format("2006-01-02 15:04:05 UTC")
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `" title="` + exact + `">` + words.Ago(t, time.Now()) + `</time>`) //nolint:gosec // digits and our own words
}

// shortDigest is what tells a digest from others at a glance.
func shortDigest(digest string) string {
	algorithm, hash, found := strings.Cut(digest, ":")
	if !found || len(hash) < 12 {
		return digest
	}
	return algorithm + ":" + hash[:12]
}

// share is how much of a whole is done, in hundredths; 0 if the whole is not known.
func share(done, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return min(done*100/whole, 100)
}
