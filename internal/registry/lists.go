package registry

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// tags returns the tags of a repository, sorted.
func (r *Registry) tags(repository string) ([]string, error) {
	entries, err := os.ReadDir(r.tagPath(repository, ""))
	if absent(err) {
		return nil, nil
	}
	tags := make([]string, len(entries))
	for i, entry := range entries {
		tags[i] = entry.Name()
	}
	return tags, err
}

func (r *Registry) listTags(w http.ResponseWriter, request *http.Request, repository, _ string) error {
	// The directory of "a" is there, too, when only "a/b" was pushed.
	if _, err := os.Stat(r.manifestPath(repository, "")); err != nil {
		if absent(err) {
			return newProblem(http.StatusNotFound, "NAME_UNKNOWN", "repository unknown to this registry")
		}
		return err
	}
	tags, err := r.tags(repository)
	if err == nil {
		tags, err = page(w, request, tags)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"name": repository, "tags": tags})
}

func (r *Registry) catalog(w http.ResponseWriter, request *http.Request, _, _ string) error {
	repositories := []string{}
	err := filepath.WalkDir(r.repositoriesDir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		switch entry.Name() {
		case "_tags":
			return filepath.SkipDir
		case "_manifests":
			name, err := filepath.Rel(r.repositoriesDir(), filepath.Dir(path))
			repositories = append(repositories, filepath.ToSlash(name))
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(repositories)
	if repositories, err = page(w, request, repositories); err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"repositories": repositories})
}

// page cuts from a sorted list what the request asks for: at most n entries
// after last. The header says where the next ones are.
func page(w http.ResponseWriter, request *http.Request, list []string) ([]string, error) {
	query := request.URL.Query()
	if last := query.Get("last"); last != "" {
		at, found := slices.BinarySearch(list, last)
		if found {
			at++
		}
		list = list[at:]
	}
	if query.Has("n") {
		n, err := strconv.Atoi(query.Get("n"))
		if err != nil || n < 0 {
			return nil, newProblem(http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n must be a number from 0 on")
		}
		if n > 0 && n < len(list) {
			next := url.Values{"n": {strconv.Itoa(n)}, "last": {list[n-1]}}
			w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, request.URL.EscapedPath(), next.Encode()))
		}
		list = list[:min(n, len(list))]
	}
	return append([]string{}, list...), nil
}
