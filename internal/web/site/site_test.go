package site

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func testSite(t *testing.T) *Site {
	t.Helper()
	s, err := New(fstest.MapFS{
		"index.html":         {Data: []byte("page")},
		"index.html.br":      {Data: []byte("page in brotli")},
		"a/1f/main.wasm.br":  {Data: []byte("wasm in brotli")},
		"a/1f/style.css.gz":  {Data: packed(t, strings.Repeat("style", 10000))},
		"a/1f/odd.extension": {Data: []byte("odd")},
	}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSite(t *testing.T) {
	s := testSite(t)
	for _, c := range []struct {
		method, path, accepted string
		status                 int
		encoding, kind, body   string
		forever                bool
	}{
		{"GET", "/", "", 200, "", "text/html; charset=utf-8", "page", false},
		{"GET", "/index.html", "gzip, deflate, br, zstd", 200, "br", "text/html; charset=utf-8", "page in brotli", false},
		{"GET", "/", "br;q=0, gzip", 200, "", "text/html; charset=utf-8", "page", false},
		{"GET", "/", "br; q=0.5", 200, "br", "text/html; charset=utf-8", "page in brotli", false},
		{"HEAD", "/", "br", 200, "br", "text/html; charset=utf-8", "", false},
		{"GET", "/a/1f/main.wasm", "br", 200, "br", "application/wasm", "wasm in brotli", true},
		{"GET", "/a/1f/main.wasm", "gzip", 406, "", "", "", false},
		{"GET", "/a/1f/style.css", "", 200, "", "text/css; charset=utf-8", strings.Repeat("style", 10000), true},
		{"GET", "/a/1f/odd.extension", "", 200, "", "application/octet-stream", "odd", true},
		{"GET", "/a/1f/main.wasm.br", "br", 404, "", "", "", false},
		{"GET", "/a/", "", 404, "", "", "", false},
		{"GET", "/../site.go", "", 404, "", "", "", false},
		{"POST", "/", "", 405, "", "", "", false},
	} {
		r := httptest.NewRequest(c.method, "http://relay/", nil)
		r.URL.Path = c.path
		r.Header.Set("Accept-Encoding", c.accepted)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		h := w.Header()
		if w.Code != c.status || h.Get("Content-Encoding") != c.encoding {
			t.Errorf("%s %s (%s): %d in %q, want %d in %q", c.method, c.path, c.accepted, w.Code, h.Get("Content-Encoding"), c.status, c.encoding)
		}
		if c.status != 200 {
			continue
		}
		if h.Get("Content-Type") != c.kind || w.Body.String() != c.body || strings.Contains(h.Get("Cache-Control"), "immutable") != c.forever {
			t.Errorf("%s %s (%s): %v with %d bytes", c.method, c.path, c.accepted, h, w.Body.Len())
		}
	}
}

// Who has a file is not sent it again, in each form.
func TestSiteUnchanged(t *testing.T) {
	s := testSite(t)
	tags := map[string]bool{}
	for _, accepted := range []string{"", "br"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", accepted)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		tag := w.Header().Get("ETag")
		tags[tag] = true
		for value, status := range map[string]int{tag: 304, `"x", W/` + tag: 304, `"x"`: 200} {
			r.Header.Set("If-None-Match", value)
			w = httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != status || status == 304 && w.Body.Len() > 0 {
				t.Errorf("If-None-Match: %s: %d with %d bytes, want %d", value, w.Code, w.Body.Len(), status)
			}
		}
	}
	if len(tags) != 2 {
		t.Errorf("%d tags for two forms", len(tags))
	}
}
