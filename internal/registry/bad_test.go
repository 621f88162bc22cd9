package registry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

func TestBadManifests(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const oci = string(types.OCIManifestSchema1)
	zero := digest([]byte("not pushed"))
	blob := []byte("{}")
	s.want(t, 201, "", "POST", "/v2/a/blobs/uploads/?digest="+digest(blob), blob)
	good := fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":%q},"layers":[{"digest":%q,"urls":["https://elsewhere"]}]}`, digest(blob), zero)
	tests := map[string]struct {
		body, contentType, path string
		status                  int
		code                    string
	}{
		"good":             {good, oci, "1", 201, ""},
		"good by digest":   {good, oci, digest([]byte(good)), 201, ""},
		"other digest":     {good, oci, zero, 400, "DIGEST_INVALID"},
		"no type":          {good, "", "1", 400, "MANIFEST_INVALID"},
		"two types":        {`{"mediaType":"a/b","config":{}}`, oci, "1", 400, "MANIFEST_INVALID"},
		"no JSON":          {"<html>", oci, "1", 400, "MANIFEST_INVALID"},
		"nothing in it":    {"{}", oci, "1", 400, "MANIFEST_INVALID"},
		"blob not there":   {fmt.Sprintf(`{"config":{"digest":%q}}`, zero), oci, "1", 404, "MANIFEST_BLOB_UNKNOWN"},
		"blob no digest":   {`{"config":{"digest":"../../etc/passwd"}}`, oci, "1", 400, "MANIFEST_INVALID"},
		"child not there":  {fmt.Sprintf(`{"manifests":[{"digest":%q}]}`, zero), string(types.OCIImageIndex), "1", 404, "MANIFEST_UNKNOWN"},
		"child no digest":  {`{"manifests":[{"digest":"x"}]}`, string(types.OCIImageIndex), "1", 400, "MANIFEST_INVALID"},
		"too large":        {good + strings.Repeat(" ", 4<<20), oci, "1", 413, "SIZE_INVALID"},
		"no tag":           {good, oci, ".hidden", 400, "NAME_INVALID"},
		"tag with a slash": {good, oci, "a%2Fb", 400, "NAME_INVALID"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s.want(t, test.status, test.code, "PUT", "/v2/a/manifests/"+test.path, []byte(test.body), "Content-Type", test.contentType)
		})
	}
	response := s.want(t, 200, "", "GET", "/v2/a/manifests/1", nil)
	if got := response.Header.Get("Content-Type"); got != oci {
		t.Errorf("content type is %s", got)
	}
}

func TestBadPaths(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.want(t, 200, "{}", "GET", "/v2/", nil)
	s.want(t, 200, "{}", "GET", "/v2", nil)
	s.want(t, 200, "", "HEAD", "/v2/", nil)
	s.want(t, 404, "UNSUPPORTED", "GET", "/", nil)
	s.want(t, 404, "UNSUPPORTED", "GET", "/v2/nothing", nil)
	for _, name := range []string{"..", "a/..", "a/../b", "_manifests", "a/_tags", "A", "a//b", "a%00", "%2e%2e%2f%2e%2e", strings.Repeat("a", 256)} {
		s.want(t, 400, "NAME_INVALID", "GET", "/v2/"+name+"/manifests/1", nil)
		s.want(t, 400, "NAME_INVALID", "POST", "/v2/"+name+"/blobs/uploads/", nil)
	}
	s.want(t, 400, "NAME_INVALID", "GET", "/v2/a/blobs/sha256:xyz", nil)
	s.want(t, 404, "BLOB_UNKNOWN", "GET", "/v2/a/blobs/"+digest(nil), nil)
	response := s.want(t, 405, "UNSUPPORTED", "DELETE", "/v2/a/blobs/"+digest(nil), nil)
	if got := response.Header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("allow is %q", got)
	}
}
