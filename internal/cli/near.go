package cli

import (
	"slices"
	"strconv"
	"strings"
)

// maxSuggestions is how many names a "did you mean" offers.
const maxSuggestions = 3

// didYouMean is a question for the end of a message, empty when no name is near.
func didYouMean(name string, names []string) string {
	found := near(name, names)
	if len(found) == 0 {
		return ""
	}
	quoted := make([]string, len(found))
	for i, n := range found {
		quoted[i] = strconv.Quote(clean(n))
	}
	return "; did you mean " + strings.Join(quoted, " or ") + "?"
}

// near returns the names that name may be a slip of, the nearest first.
func near(name string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	wanted := strings.ToLower(name)
	var found []candidate
	for _, n := range names {
		lower := strings.ToLower(n)
		d := distance(wanted, lower)
		if len(wanted) >= 3 && strings.Contains(lower, wanted) {
			d = min(d, 1)
		}
		if d <= max(1, len(wanted)/3) && !slices.Contains(found, candidate{n, d}) {
			found = append(found, candidate{n, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	var result []string
	for _, c := range found[:min(len(found), maxSuggestions)] {
		result = append(result, c.name)
	}
	return result
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
