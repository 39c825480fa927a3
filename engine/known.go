package engine

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tincan-voice/tincan/internal/address"
)

// CertificateChangedError says that the relay shows another certificate than the
// one pinned when it was first joined.
type CertificateChangedError struct {
	Address   string // host:port
	File      string // the file of known relays
	Line      int    // its line about this relay, from 1
	Known     string // fingerprint that was pinned
	Presented string // fingerprint that the relay shows now
}

// Error says what happened and what to do.
func (e *CertificateChangedError) Error() string {
	return fmt.Sprintf("the certificate of relay %s has changed: it was %s, now it is %s. "+
		"Either the relay was set up anew or somebody is between you and it. "+
		"If its operator confirms the new fingerprint, delete line %d of %s and join again",
		e.Address, e.Known, e.Presented, e.Line, e.File)
}

// errNotVouched: it is not the relay that we were sent to.
var errNotVouched = errors.New("another certificate than the one that was vouched for")

// Fingerprint names the key of a certificate as relays print it: "SHA256:" and the
// unpadded base64 of the SHA-256 of its SubjectPublicKeyInfo (RFC 5280 section 4.1), as ssh
// names keys. A renewed certificate with the same key keeps it.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// checkKnown compares the fingerprint of a relay, by the key of its address, with the file of known relays, and adds it
// there if the relay was never joined. A line of the file is
//
//	voice.example.org:9999 SHA256:8Zcy...
//
// Where another relay has sent us there, and there is no line, it is added if it is the one that was vouched for, else
// the error is errNotVouched. Empty lines and those that begin with # are left alone; to a file with others, which is
// something else, nothing is added. Several lines for one relay are all good.
func checkKnown(path, key, fingerprint, vouched string) error {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrKnownRelays, err)
	}
	var changed *CertificateChangedError
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 || !strings.HasPrefix(fields[1], "SHA256:") {
			return fmt.Errorf("%w: line %d of %s is no relay and fingerprint: correct it, or name another file", ErrKnownRelays, n, path)
		}
		if !sameRelay(fields[0], key) {
			continue
		}
		if fields[1] == fingerprint {
			return nil
		}
		changed = &CertificateChangedError{Address: key, File: path, Line: n, Known: fields[1], Presented: fingerprint}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrKnownRelays, path, err)
	}
	if changed != nil {
		return changed
	}
	if vouched != "" && vouched != fingerprint {
		return fmt.Errorf("%w: relay %s should have %s and has %s", errNotVouched, key, vouched, fingerprint)
	}
	if err := appendLine(path, key+" "+fingerprint, len(text) > 0 && text[len(text)-1] != '\n'); err != nil {
		return fmt.Errorf("%w: %w; name another file", ErrKnownRelays, err)
	}
	return nil
}

// sameRelay tells whether an address of the file, as a person may have written it, is the relay with that key.
func sameRelay(written, key string) bool {
	a, err := address.Parse(written)
	return err == nil && a.Key() == key
}

// appendLine adds a line in a single write, so that clients that start together do not mix
// theirs.
func appendLine(path, line string, newline bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if newline {
		line = "\n" + line
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
