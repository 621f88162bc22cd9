package store

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"

	"github.com/graftplatform/graft"
)

// Addons are found by terms: words of their texts, and facets, which begin with an
// underscore and so are no words. Both databases index terms, and neither takes
// text apart by itself.

// maxTerm is how long a word counts, in bytes.
const maxTerm = 64

// words takes text apart into words: runs of letters and digits, in lower case.
func words(texts ...string) []string {
	var found []string
	for _, text := range texts {
		for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsNumber(r)
		}) {
			found = append(found, strings.ToValidUTF8(word[:min(len(word), maxTerm)], ""))
		}
	}
	return found
}

// Bounds of what counts as the beginning of a word, in bytes.
const (
	minPrefix = 2
	maxPrefix = 20
)

// prefixes are terms for the beginnings of words: a database that is asked for all
// terms that begin like this has to put what it finds in order first.
func prefixes(words []string) []string {
	var found []string
	for _, word := range words {
		for i := range word { // where letters begin
			if i >= minPrefix && i <= maxPrefix {
				found = append(found, prefixTerm(word[:i]))
			}
		}
	}
	return found
}

func prefixTerm(beginning string) string { return "_begins_" + beginning }

// facet is the term for a property. Values may be anything: they are hashed.
func facet(property, value string) string {
	sum := sha256.Sum256([]byte(value))
	return "_" + property + "_" + hex.EncodeToString(sum[:8])
}

const (
	facetLatest  = "_latest"  // of its name
	facetWaiting = "_waiting" // for a reviewer
)

// hidden is the term in its place if an addon is not listed: as most searches are
// for what is listed, that is no further term to look for.
func hidden(term string) string { return "_hidden_" + term }

// termsOf returns the terms of an addon, sorted. latest is whether it is the
// latest of its name.
func termsOf(a *graft.Addon, latest bool) []string {
	names := append(words(a.Replaces...), words(a.Name, a.Publisher)...)
	for _, s := range a.Services {
		names = append(names, words(s.Name)...)
	}
	terms := slices.Concat(names, prefixes(names), words(a.Description, a.Readme))
	terms = append(terms, facet("name", a.Name), facet("kind", string(a.Kind)), facet("publisher", a.Publisher), facet("status", string(a.Status)))
	for _, component := range a.Replaces {
		terms = append(terms, facet("replaces", component))
	}
	for _, plane := range planesOf(a) {
		terms = append(terms, facet("plane", string(plane)))
	}
	for _, platform := range platformsOf(a) {
		terms = append(terms, facet("platform", platform))
	}
	if latest {
		terms = append(terms, facetLatest)
	}
	if a.Verification != nil && a.Verification.WaitsForReview {
		terms = append(terms, facetWaiting)
	}
	if !choosable(a) {
		for i, term := range terms {
			terms[i] = hidden(term)
		}
	}
	slices.Sort(terms)
	return slices.Compact(terms)
}

func planesOf(a *graft.Addon) []graft.Plane {
	if len(a.Planes) == 0 {
		return []graft.Plane{graft.PlaneRoot, graft.PlaneCluster}
	}
	return a.Planes
}

// platformsOf returns the platforms on which all images of an addon run, each
// also without its variant.
func platformsOf(a *graft.Addon) []string {
	var common []string
	if a.Verification == nil || len(a.Verification.Images) == 0 {
		return nil
	}
	for _, platform := range a.Verification.Images[0].Platforms {
		everywhere := !slices.ContainsFunc(a.Verification.Images, func(image graft.ImageReport) bool {
			return image.Digest == "" || !graft.RunsOn(image.Platforms, platform)
		})
		if everywhere {
			common = append(common, platform)
			if parts := strings.Split(platform, "/"); len(parts) > 2 {
				common = append(common, strings.Join(parts[:2], "/"))
			}
		}
	}
	return common
}

// wanted are the terms that a query asks for: of each list one. The last word may
// be the beginning of one in a name. There are none if everything is wanted that is
// listed, or the latest of each name of that.
func wanted(q *graft.AddonQuery) (all [][]string) {
	terms := words(q.Text)
	if n := len(terms); n > 0 && len(terms[n-1]) >= minPrefix && !strings.HasSuffix(q.Text, " ") {
		last := terms[n-1]
		terms = terms[:n-1]
		all = append(all, []string{last, prefixTerm(strings.ToValidUTF8(last[:min(len(last), maxPrefix)], ""))})
	}
	add := func(property, value string) {
		if value != "" {
			terms = append(terms, facet(property, value))
		}
	}
	add("name", q.Name)
	add("kind", string(q.Kind))
	add("replaces", q.Replaces)
	add("plane", string(q.Plane))
	add("publisher", q.Publisher)
	add("status", string(q.Status))
	if q.Platform != "" {
		add("platform", graft.FullPlatform(q.Platform))
	}
	if q.Waiting {
		terms = append(terms, facetWaiting)
	}
	if q.Latest && len(all)+len(terms) > 0 {
		terms = append(terms, facetLatest)
	}
	for _, term := range terms {
		all = append(all, []string{term})
	}
	if q.Status == "" && !q.Waiting {
		return all
	}
	for i, terms := range all {
		for _, term := range terms {
			all[i] = append(all[i], hidden(term))
		}
	}
	return all
}
