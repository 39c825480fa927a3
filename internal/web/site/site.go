// Package site serves the files of a page by HTTP: precompressed, and kept by browsers for ever where the path has a
// hash.
package site

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// Site is the files. Its methods may be called from any goroutine.
type Site struct {
	files   fs.FS
	assets  map[string]*asset // by path
	patient time.Duration
}

// asset is one file, in one form or several.
type asset struct {
	kind  string           // Content-Type
	keep  string           // Cache-Control
	forms map[string]*form // by Content-Encoding; "": as it is
}

// form is a file on disk.
type form struct {
	name string
	size int64
	tag  string // ETag
}

// kinds are the Content-Types by extension: those that the system knows differ from one machine to the next.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".mjs": "text/javascript; charset=utf-8", ".json": "application/json", ".webmanifest": "application/manifest+json",
	".wasm": "application/wasm", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon",
	".txt": "text/plain; charset=utf-8", ".woff2": "font/woff2", ".wav": "audio/wav",
}

// encodings are the extensions of compressed forms, the better one first.
var encodings = []struct{ ext, name string }{{".br", "br"}, {".gz", "gzip"}}

// hashed is the folder of what has a hash in its path, as in a/1f0c9a77/main.js: another content has another path.
const hashed = "a/"

// New looks what there is. x.br and x.gz are compressed forms of x, which need not be there itself. A reader of a file
// has the time patient for each 16 KiB of it. Errors are those of the files.
func New(files fs.FS, patient time.Duration) (*Site, error) {
	s := &Site{files: files, assets: make(map[string]*asset), patient: patient}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return s.add(name)
	})
	if err == nil && s.assets["index.html"] == nil {
		err = errors.New("there is no index.html")
	}
	if err != nil {
		return nil, fmt.Errorf("the page: %w", err)
	}
	return s, nil
}

func (s *Site) add(name string) error {
	file, err := s.files.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return err
	}
	of, encoding := name, ""
	for _, e := range encodings {
		if rest, ok := strings.CutSuffix(name, e.ext); ok {
			of, encoding = rest, e.name
		}
	}
	a := s.assets[of]
	if a == nil {
		a = &asset{kind: kinds[path.Ext(of)], keep: "no-cache", forms: make(map[string]*form)}
		if a.kind == "" {
			a.kind = "application/octet-stream"
		}
		if strings.HasPrefix(of, hashed) {
			a.keep = "public, max-age=31536000, immutable"
		}
		s.assets[of] = a
	}
	a.forms[encoding] = &form{name: name, size: size, tag: `"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12]) + `"`}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are for files", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	a := s.assets[name]
	if a == nil {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", a.keep)
	h.Set("Vary", "Accept-Encoding")
	f, encoding, unpack := a.pick(r.Header.Values("Accept-Encoding"))
	if f == nil {
		h.Del("Cache-Control")
		http.Error(w, "this file is there for programs that take brotli (Accept-Encoding: br) only", http.StatusNotAcceptable)
		return
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	if !unpack {
		h.Set("ETag", f.tag)
		if has(r.Header.Values("If-None-Match"), f.tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Length", fmt.Sprint(f.size))
	}
	if r.Method == http.MethodHead {
		return
	}
	if err := s.send(w, f, unpack); err != nil {
		panic(http.ErrAbortHandler) // what is missing at the end must not look like the end
	}
}

// pick chooses the form for who takes these encodings; nil: there is none. unpack: it is to be unpacked first.
func (a *asset) pick(accepted []string) (f *form, encoding string, unpack bool) {
	for _, e := range encodings {
		if f := a.forms[e.name]; f != nil && has(accepted, e.name) {
			return f, e.name, false
		}
	}
	if f := a.forms[""]; f != nil {
		return f, "", false
	}
	return a.forms["gzip"], "", true
}

// has tells whether a list of a header's values has this one, and not with q=0 (RFC 9110, 12.5.3).
func has(values []string, wanted string) bool {
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			name, q, _ := strings.Cut(one, ";")
			if strings.TrimPrefix(strings.TrimSpace(name), "W/") == wanted {
				weight, given := strings.CutPrefix(strings.ReplaceAll(q, " ", ""), "q=")
				return !given || strings.Trim(weight, "0.") != ""
			}
		}
	}
	return false
}

// send writes a file, as long as its reader goes on.
func (s *Site) send(w http.ResponseWriter, f *form, unpack bool) error {
	file, err := s.files.Open(f.name)
	if err != nil {
		return err
	}
	defer file.Close()
	var from io.Reader = file
	if unpack {
		if from, err = gzip.NewReader(file); err != nil {
			return err
		}
	}
	control := http.NewResponseController(w)
	for buf := make([]byte, 16<<10); ; {
		_ = control.SetWriteDeadline(time.Now().Add(s.patient)) // of a recorder in a test there is none
		n, err := from.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}
