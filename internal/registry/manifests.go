package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxManifest bounds a manifest's size.
const maxManifest = 4 << 20

// manifest is what the registry must know of one.
type manifest struct {
	MediaType string       `json:"mediaType"`
	Config    *descriptor  `json:"config"`
	Layers    []descriptor `json:"layers"`
	Manifests []descriptor `json:"manifests"`
}

type descriptor struct {
	Digest string   `json:"digest"`
	URLs   []string `json:"urls"` // a layer that lies elsewhere
}

func (r *Registry) manifestPath(repository, digest string) string {
	return filepath.Join(r.repositoriesDir(), filepath.FromSlash(repository), "_manifests", strings.TrimPrefix(digest, "sha256:"))
}

func (r *Registry) tagPath(repository, tag string) string {
	return filepath.Join(r.repositoriesDir(), filepath.FromSlash(repository), "_tags", tag)
}

// resolve returns the digest that a reference stands for.
func (r *Registry) resolve(repository, reference string) (string, error) {
	if isDigest(reference) {
		return reference, nil
	}
	content, err := os.ReadFile(r.tagPath(repository, reference))
	if absent(err) {
		return "", unknownManifest()
	}
	return string(content), err
}

func (r *Registry) getManifest(w http.ResponseWriter, _ *http.Request, repository, reference string) error {
	r.names.RLock()
	digest, err := r.resolve(repository, reference)
	var content []byte
	if err == nil {
		content, err = os.ReadFile(r.manifestPath(repository, digest))
	}
	r.names.RUnlock()
	if absent(err) {
		return unknownManifest()
	}
	if err != nil {
		return err
	}
	mediaType, body, ok := bytes.Cut(content, []byte("\n"))
	if !ok {
		return fmt.Errorf("the file of manifest %s in %s is damaged", digest, repository)
	}
	w.Header().Set("Content-Type", string(mediaType))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Etag", `"`+digest+`"`)
	_, _ = w.Write(body) // left out for HEAD; or the client is gone
	return nil
}

func (r *Registry) putManifest(w http.ResponseWriter, request *http.Request, repository, reference string) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxManifest))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if isDigest(reference) && reference != digest {
		return invalidDigest(fmt.Sprintf("the manifest has digest %s, not what the path says", digest))
	}
	var m manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return invalidManifest("the manifest is no JSON object of the form that the specification gives")
	}
	if m.Config == nil && m.Manifests == nil {
		return invalidManifest("the manifest has neither a config, as an image has, nor manifests, as an index has")
	}
	mediaType, err := m.mediaType(request.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	r.names.Lock()
	defer r.names.Unlock()
	if err := r.checkReferences(repository, m); err != nil {
		return err
	}
	err = r.writeFile(r.manifestPath(repository, digest), slices.Concat([]byte(mediaType), []byte("\n"), body))
	if err == nil && !isDigest(reference) {
		err = r.writeFile(r.tagPath(repository, reference), []byte(digest))
	}
	if err == nil {
		r.log.Info("registry: pushed", "repository", repository, "reference", reference, "digest", digest)
	}
	return r.created(w, "/v2/"+repository+"/manifests/"+digest, digest, err)
}

// mediaType is the manifest's own, which must be the request's, too, or the
// request's if it has none.
func (m manifest) mediaType(header string) (string, error) {
	mediaType, _, err := mime.ParseMediaType(header)
	if err != nil {
		mediaType = m.MediaType
	}
	if mediaType == "" || m.MediaType != "" && m.MediaType != mediaType || strings.ContainsAny(mediaType, "\r\n") {
		return "", invalidManifest("Content-Type must be the manifest's media type")
	}
	return mediaType, nil
}

// checkReferences refuses a manifest that could not be pulled.
func (r *Registry) checkReferences(repository string, m manifest) error {
	if m.Config != nil {
		m.Layers = append(m.Layers, *m.Config)
	}
	for _, blob := range m.Layers {
		if len(blob.URLs) > 0 {
			continue
		}
		if !isDigest(blob.Digest) {
			return invalidManifest("the manifest has a blob without a sha256 digest")
		}
		if known, err := r.hasBlob(blob.Digest); err != nil || !known {
			return missing(err, "MANIFEST_BLOB_UNKNOWN", "push blob "+blob.Digest+" first")
		}
	}
	for _, child := range m.Manifests {
		if !isDigest(child.Digest) {
			return invalidManifest("the index has a manifest without a sha256 digest")
		}
		if _, err := os.Stat(r.manifestPath(repository, child.Digest)); err != nil {
			if absent(err) {
				err = nil
			}
			return missing(err, "MANIFEST_UNKNOWN", "push manifest "+child.Digest+" first")
		}
	}
	return nil
}

func missing(err error, code, message string) error {
	if err != nil {
		return err
	}
	return newProblem(http.StatusNotFound, code, message)
}

// deleteManifest removes a tag, or a manifest with all tags that point to it.
func (r *Registry) deleteManifest(w http.ResponseWriter, _ *http.Request, repository, reference string) error {
	r.names.Lock()
	defer r.names.Unlock()
	var err error
	if isDigest(reference) {
		err = r.deleteDigest(repository, reference)
	} else {
		err = remove(r.tagPath(repository, reference))
	}
	if absent(err) {
		return unknownManifest()
	}
	if err != nil {
		return err
	}
	r.log.Info("registry: deleted", "repository", repository, "reference", reference)
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (r *Registry) deleteDigest(repository, digest string) error {
	if _, err := os.Stat(r.manifestPath(repository, digest)); err != nil {
		return err
	}
	tags, err := r.tags(repository)
	if err != nil {
		return err
	}
	for _, tag := range tags { // first, so that no tag ever points nowhere
		if at, err := r.resolve(repository, tag); err != nil || at != digest {
			continue
		}
		if err := remove(r.tagPath(repository, tag)); err != nil {
			return err
		}
	}
	return remove(r.manifestPath(repository, digest))
}
