// Command release builds what people install: the relay for Linux as tarball, .deb and .rpm, the client for this
// machine's kind as .deb and .rpm, and a file of their SHA-256.
//
//	go -C packaging run ./release --version v1.2.3 --out ../dist
//
// The same commit gives the same bytes: builds know no paths, and all times are the commit's.
package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers itself
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers itself
)

func main() {
	version := flag.String("version", "", "version, v1.2.3")
	out := flag.String("out", "../dist", "folder to write to")
	flag.Parse()
	if err := release(*version, *out); err != nil {
		log.SetFlags(0)
		log.Fatalln("release:", err)
	}
}

// root is the repository, from this module.
const root = ".."

// file is one that is installed.
type file struct {
	from, to string // to is below /
	mode     os.FileMode
	config   bool // people change it, so an upgrade keeps it
}

func release(version, out string) error {
	if version == "" {
		return fmt.Errorf("no --version")
	}
	text, err := command(nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return err
	}
	r := &build{version: version, out: out, when: time.Unix(seconds, 0).UTC()}
	if r.dir, err = os.MkdirTemp("", "release"); err != nil {
		return err
	}
	defer os.RemoveAll(r.dir)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := r.relay(); err != nil {
		return err
	}
	if err := r.client(); err != nil {
		return err
	}
	return r.sums()
}

// build is a release on its way.
type build struct {
	version, out, dir string
	when              time.Time
	made              []string // names of what is in out
}

// relay needs no library, so it is made for every kind of machine. It has the page for browsers in it.
func (r *build) relay() error {
	if _, err := command(nil, "go", "-C", root, "run", "./internal/web/bundle"); err != nil {
		return err
	}
	native := filepath.Join(r.dir, "tincand-native")
	if err := r.compile(native, "./cmd/tincand", runtime.GOARCH, false, "web"); err != nil {
		return err
	}
	settings, err := command(nil, native, "settings")
	if err != nil {
		return err
	}
	conf := filepath.Join(r.dir, "tincand.conf")
	if err := os.WriteFile(conf, settings, 0o644); err != nil {
		return err
	}
	man, err := r.manual(native, "tincand")
	if err != nil {
		return err
	}
	for _, arch := range []string{"amd64", "arm64"} {
		program := filepath.Join(r.dir, "tincand-"+arch)
		if err := r.compile(program, "./cmd/tincand", arch, false, "web"); err != nil {
			return err
		}
		content := []file{
			{program, "usr/bin/tincand", 0o755, false},
			{conf, "etc/tincand.conf", 0o644, true},
			{"tincand.service", "usr/lib/systemd/system/tincand.service", 0o644, false},
			{man, "usr/share/man/man1/tincand.1.gz", 0o644, false},
			{root + "/docs/operating.md", "usr/share/doc/tincand/operating.md", 0o644, false},
			{"grafana.json", "usr/share/doc/tincand/grafana.json", 0o644, false},
			{root + "/LICENSE", "usr/share/doc/tincand/copyright", 0o644, false},
		}
		if err := r.tarball("tincand", arch, content); err != nil {
			return err
		}
		if err := r.packages("tincand", arch, "the relay of tincan: rooms for group voice", content, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// client has libraries of the system, so it is made for this kind of machine alone.
func (r *build) client() error {
	program := filepath.Join(r.dir, "tincan")
	if err := r.compile(program, "./cmd/tincan", runtime.GOARCH, true); err != nil {
		return err
	}
	man, err := r.manual(program, "tincan")
	if err != nil {
		return err
	}
	return r.packages("tincan", runtime.GOARCH, "group voice for bad networks", []file{
		{program, "usr/bin/tincan", 0o755, false},
		{man, "usr/share/man/man1/tincan.1.gz", 0o644, false},
		{root + "/docs/client.md", "usr/share/doc/tincan/client.md", 0o644, false},
		{root + "/LICENSE", "usr/share/doc/tincan/copyright", 0o644, false},
	}, []string{"libopus0", "libopusfile0", "libportaudio2", "libc6"}, []string{"opus", "opusfile", "portaudio"})
}

func (r *build) compile(to, what, arch string, cgo bool, tags ...string) error {
	enabled := "0"
	if cgo {
		enabled = "1"
	}
	_, err := command([]string{"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=" + enabled, "GOFLAGS=-trimpath"},
		"go", "-C", root, "build", "-buildvcs=false", "-tags", strings.Join(tags, ","), "-ldflags", "-s -w -buildid= -X main.version="+r.version, "-o", absolute(to), what)
	return err
}

// manual is the program's own page, as man reads it.
func (r *build) manual(program, name string) (path string, err error) {
	page, err := command(nil, program, "--man")
	if err != nil {
		return "", err
	}
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if _, err := w.Write(page); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	path = filepath.Join(r.dir, name+".1.gz")
	return path, os.WriteFile(path, zipped.Bytes(), 0o644)
}

func (r *build) tarball(name, arch string, content []file) (err error) {
	base := fmt.Sprintf("%s-%s-linux-%s", name, r.version, arch)
	f, err := r.create(base + ".tar.gz")
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	zipped, _ := gzip.NewWriterLevel(f, gzip.BestCompression)
	w := tar.NewWriter(zipped)
	for _, c := range content {
		data, err := os.ReadFile(c.from)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: base + "/" + filepath.Base(c.to), Mode: int64(c.mode), Size: int64(len(data)), ModTime: r.when, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	return cmp.Or(w.Close(), zipped.Close())
}

// packages makes a .deb and an .rpm.
func (r *build) packages(name, arch, what string, content []file, deb, rpm []string) error {
	for kind, depends := range map[string][]string{"deb": deb, "rpm": rpm} {
		info := &nfpm.Info{
			Name: name, Arch: arch, Platform: "linux", Version: r.version, Section: "sound", Priority: "optional", MTime: r.when,
			Maintainer: "tincan <tincan@localhost>", Description: what, License: "MIT",
		}
		info.Depends = depends
		for _, c := range content {
			one := &files.Content{Source: c.from, Destination: "/" + c.to, FileInfo: &files.ContentFileInfo{Mode: c.mode, Owner: "root", Group: "root", MTime: r.when}}
			if c.config {
				one.Type = files.TypeConfigNoReplace
			}
			info.Contents = append(info.Contents, one)
		}
		info.RPM.BuildHost = "tincan" // else this machine's name
		packager, err := nfpm.Get(kind)
		if err != nil {
			return err
		}
		info = nfpm.WithDefaults(info)
		if err := nfpm.PrepareForPackager(info, kind); err != nil {
			return err
		}
		f, err := r.create(packager.ConventionalFileName(info))
		if err != nil {
			return err
		}
		if err := cmp.Or(packager.Package(info, f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (r *build) create(name string) (*os.File, error) {
	r.made = append(r.made, name)
	return os.Create(filepath.Join(r.out, name))
}

// sums writes SHA256SUMS, as sha256sum -c reads it.
func (r *build) sums() error {
	slices.Sort(r.made)
	var b strings.Builder
	for _, name := range r.made {
		f, err := os.Open(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := cmp.Or(err, f.Close()); err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", h.Sum(nil), name)
	}
	fmt.Print(b.String())
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(b.String()), 0o644)
}

func command(env []string, name string, args ...string) ([]byte, error) {
	c := exec.Command(name, args...)
	c.Env, c.Stderr = append(os.Environ(), env...), os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	return out, nil
}

func absolute(path string) string {
	p, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return p
}
