package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

// assets are the files that pages load: scripts, styles, icons.
type assets struct {
	files map[string]*asset // by their path below static/
}

type asset struct {
	kind    string // of its content
	plain   []byte
	packed  []byte // gzip; nil: that is no smaller
	version string
}

func loadAssets() (*assets, error) {
	a := &assets{files: map[string]*asset{}}
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		a.files[strings.TrimPrefix(name, "static/")] = &asset{
			kind: contentType(name), plain: data, packed: pack(data), version: hex.EncodeToString(sum[:6]),
		}
		return nil
	})
	return a, err
}

// contentType knows by itself what is served: systems differ in what they know.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "text/plain; charset=utf-8"
}

func pack(data []byte) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(data) // to memory
	_ = w.Close()
	if packed.Len() >= len(data) {
		return nil
	}
	return packed.Bytes()
}

// url is where pages find a file. It is another one when the file is: browsers
// may keep what they have.
func (a *assets) url(name string) string {
	if file := a.files[name]; file != nil {
		return "/static/" + name + "?v=" + file.version
	}
	return "/static/" + name
}

// ServeHTTP implements http.Handler.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file := a.files[strings.TrimPrefix(r.URL.Path, "/static/")]
	if file == nil {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", file.kind)
	header.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == file.version {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	header.Set("ETag", `"`+file.version+`"`)
	header.Set("Vary", "Accept-Encoding")
	data := file.plain
	if file.packed != nil && acceptsGzip(r) {
		header.Set("Content-Encoding", "gzip")
		header.Set("ETag", `"`+file.version+`-gzip"`)
		data = file.packed
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.ToLower(r.Header.Get("Accept-Encoding")), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == "gzip" {
			quality, given := strings.CutPrefix(strings.TrimSpace(quality), "q=")
			return !given || strings.Trim(quality, "0.") != ""
		}
	}
	return false
}
