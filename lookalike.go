package graft

import (
	"slices"
	"strings"
	"unicode"
)

// minLookalike is how many letters a skeleton must have for one letter more or
// less to make no other name of it.
const minLookalike = 5

// lookalikes are letters that the eye takes for another: after Unicode Technical
// Standard 39, as far as names of addons are likely to use them.
var lookalikes = strings.NewReplacer(
	"0", "o", "1", "l", "i", "l", "|", "l", "3", "e", "5", "s", "vv", "w", "rn", "m",
	"а", "a", "е", "e", "о", "o", "р", "p", "с", "c", "х", "x", "у", "y", "і", "l", "ѕ", "s", "к", "k", "м", "m", "н", "h", "т", "t", "в", "b",
	"г", "r", "ԁ", "d", "ԛ", "q", "ԝ", "w", "ј", "j", "ѵ", "v", "ь", "b", "һ", "h", "ӏ", "l",
	"ı", "l", "ɩ", "l", "ɡ", "g", "ɑ", "a", "ո", "n", "ս", "u", "օ", "o",
	"α", "a", "ο", "o", "ν", "v", "ρ", "p", "ι", "l", "κ", "k", "τ", "t", "υ", "u",
)

// skeleton is what is left of a name for the eye: letters and digits, in lower
// case, whatever their width or style, one for all that look alike.
func skeleton(name string) string {
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(plain(r))
		}
		return -1
	}, name)
	return lookalikes.Replace(letters)
}

// plain is the letter of the Latin alphabet, or the digit, that a wide or
// mathematical one is.
func plain(r rune) rune {
	switch {
	case '０' <= r && r <= 'ｚ':
		return r - '０' + '0'
	case '𝐀' <= r && r <= '𝚣': // alphabets one after the other: capitals, then the small letters
		if r = (r - '𝐀') % 52; r >= 26 {
			return r - 26 + 'a'
		}
		return r + 'A'
	case '𝟎' <= r && r <= '𝟿':
		return (r-'𝟎')%10 + '0'
	}
	return r
}

// LookalikeKeys returns keys of which two names have one in common whenever
// Lookalike is true of them: the skeleton, and, unless it is short, the skeleton
// without one of its letters, as in the symmetric delete algorithm of
// github.com/wolfgarbe/SymSpell.
func LookalikeKeys(name string) []string {
	letters := []rune(skeleton(name))
	keys := []string{string(letters)}
	if len(letters) >= minLookalike {
		for i := range letters {
			keys = append(keys, string(slices.Concat(letters[:i], letters[i+1:])))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Lookalike is whether one name can be taken for the other: they look the same,
// or differ, unless they are short, in one letter or in two that changed places.
func Lookalike(a, b string) bool {
	v, w := []rune(skeleton(a)), []rune(skeleton(b))
	if slices.Equal(v, w) {
		return true
	}
	if len(v) > len(w) {
		v, w = w, v
	}
	if len(v) < minLookalike || len(w)-len(v) > 1 {
		return false
	}
	i := 0 // where they begin to differ
	for i < len(v) && v[i] == w[i] {
		i++
	}
	if len(v) < len(w) {
		return slices.Equal(v[i:], w[i+1:])
	}
	swapped := i+1 < len(v) && v[i] == w[i+1] && v[i+1] == w[i] && slices.Equal(v[i+2:], w[i+2:])
	return swapped || slices.Equal(v[i+1:], w[i+1:])
}
