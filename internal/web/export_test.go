package web

// Routes are the patterns of all pages and forms.
func Routes() []string {
	var patterns []string
	for _, route := range (&dashboard{}).routes() {
		patterns = append(patterns, route.pattern)
	}
	return patterns
}
