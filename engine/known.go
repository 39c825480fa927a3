package engine

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/invite"
	"github.com/tincan-voice/tincan/netproto"
)

// CertificateChangedError says that the relay shows another certificate than the
// one pinned when it was first joined.
type CertificateChangedError struct {
	Address   string // host:port
	File      string // the file of known relays
	Line      int    // its line about this relay, from 1; 0: Config.Fingerprint says so
	Known     string // fingerprint that was pinned, or "verified"
	Presented string // fingerprint that the relay shows now
	// Unverified is why the certificate does not count as verified.
	Unverified error
}

// verified stands in the file of known relays, and in Config.Fingerprint, in place of a fingerprint.
const verified = invite.Verified

// Error says what happened and what to do.
func (e *CertificateChangedError) Error() string {
	switch {
	case e.Line == 0 && e.Known == verified:
		return fmt.Sprintf("the certificate of relay %s is not verified, as was asked for: %v. "+
			"Either its operator has let it expire or has another one, or this system's clock or roots are wrong, or somebody is between you and it. "+
			"Ask its operator, and for an invitation or fingerprint that names %s if that is right", e.Address, e.Unverified, e.Presented)
	case e.Line == 0:
		return fmt.Sprintf("relay %s has another certificate than was asked for: %s, not %s. "+
			"Either the fingerprint is an old one, or another relay's, or somebody is between you and it: ask its operator",
			e.Address, e.Presented, e.Known)
	case e.Known == verified:
		return fmt.Sprintf("the certificate of relay %s is not verified any more, as it was before: %v. "+
			"Either its operator has let it expire or has another one, or this system's clock or roots are wrong, or somebody is between you and it. "+
			"If its operator confirms %s, delete line %d of %s and join again",
			e.Address, e.Unverified, e.Presented, e.Line, e.File)
	}
	return fmt.Sprintf("the certificate of relay %s has changed: it was %s, now it is %s. "+
		"Either the relay was set up anew or somebody is between you and it. "+
		"If its operator confirms the new fingerprint, delete line %d of %s and join again",
		e.Address, e.Known, e.Presented, e.Line, e.File)
}

// Unwrap returns Unverified.
func (e *CertificateChangedError) Unwrap() error { return e.Unverified }

// errNotVouched: it is not the relay that we were sent to.
var errNotVouched = errors.New("another certificate than the one that was vouched for")

// Fingerprint names the key of a certificate as relays print it: "SHA256:" and the
// unpadded base64 of the SHA-256 of its SubjectPublicKeyInfo (RFC 5280 section 4.1), as ssh
// names keys. A renewed certificate with the same key keeps it.
func Fingerprint(cert *x509.Certificate) string {
	return netproto.Fingerprint(cert.RawSubjectPublicKeyInfo)
}

func isFingerprint(text string) bool {
	_, ok := netproto.ParseFingerprint(text)
	return ok
}

// known is the line or lines about one relay in the file of known relays:
//
//	voice.example.org:9999 SHA256:8Zcy...
//	big.example.org:9999 verified
//
// Empty lines and those that begin with # are left alone; to a file with others, which is something else, nothing is
// added. Several lines for one relay are all good.
type known struct{ path, key string }

// check decides whether a relay is the one that was meant, and adds a line where it was never met:
//
//	what it presents                 is good if
//	given fingerprint or "verified"  it is that one, or verified
//	a verified certificate           always: its name says who it is
//	any other, once verified         never, whatever else the file has: a key that was taken on trust proves less
//	any other that was met           it is in the file
//	one to which we were sent        it is the one that was vouched for, else errNotVouched
//	any other                        always
//
// What was given counts for this time: it is added where nothing is known, and takes the place of nothing.
func (k known) check(p presented, given, vouched string) (Trust, error) {
	text, err := os.ReadFile(k.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%w: %w", ErrKnownRelays, err)
	}
	says := p.fingerprint
	if p.unverified == nil {
		says = verified
	}
	if given != "" && given != p.fingerprint && given != says {
		return 0, &CertificateChangedError{Address: k.key, Known: given, Presented: p.fingerprint, Unverified: p.unverified}
	}
	var changed *CertificateChangedError
	found := false
	end := endOf(text)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 || !isFingerprint(fields[1]) && fields[1] != verified {
			if end.isPart(lines.Text(), n) {
				continue
			}
			return 0, fmt.Errorf("%w: line %d of %s is no relay and fingerprint: correct it, or name another file", ErrKnownRelays, n, k.path)
		}
		if !sameRelay(fields[0], k.key) {
			continue
		}
		found = found || fields[1] == says
		if changed == nil || fields[1] == verified {
			changed = &CertificateChangedError{k.key, k.path, n, fields[1], p.fingerprint, p.unverified}
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrKnownRelays, k.path, err)
	}
	trust := TrustFirst
	switch {
	case given == p.fingerprint:
		trust = TrustGiven
	case p.unverified == nil:
		trust = TrustVerified
	case changed != nil && (!found || changed.Known == verified):
		return 0, changed
	case found:
		trust = TrustKnown
	case vouched != "" && vouched != p.fingerprint:
		return 0, fmt.Errorf("%w: relay %s should have %s and has %s", errNotVouched, k.key, vouched, p.fingerprint)
	case vouched != "":
		trust = TrustVouched
	}
	if found || trust == TrustGiven && changed != nil && says != verified {
		return trust, nil
	}
	if err := appendLine(k.path, k.key+" "+says, end.first()); err != nil {
		return 0, fmt.Errorf("%w: %w; name another file", ErrKnownRelays, err)
	}
	return trust, nil
}

// sameRelay tells whether an address of the file, as a person may have written it, is the relay with that key.
func sameRelay(written, key string) bool {
	a, err := address.Parse(written)
	return err == nil && a.Key() == key
}

// fileEnd is how a file of lines ends.
type fileEnd struct {
	open int  // number of the last line if it has no end, from 1; else 0
	part bool // it is only a part of one
}

// unfinished is added to a last line of which only a part was written.
const unfinished = " # unfinished"

func endOf(text []byte) fileEnd {
	if len(text) == 0 || text[len(text)-1] == '\n' {
		return fileEnd{}
	}
	return fileEnd{open: bytes.Count(text, []byte{'\n'}) + 1}
}

// isPart tells whether line n, which is bad, is a part of one: something has stopped the writing of it. The only line
// of a file is not, as that may be something else.
func (e *fileEnd) isPart(line string, n int) bool {
	if n > 1 && n == e.open {
		e.part = true
	}
	return n > 1 && n == e.open || strings.HasSuffix(line, unfinished)
}

// first is what goes before a line that is added.
func (e *fileEnd) first() string {
	switch {
	case e.part:
		return unfinished + "\n"
	case e.open > 0:
		return "\n"
	}
	return ""
}

var errPart = errors.New("a part of a line is left in the file")

// appendLine adds a line in a single write, so that clients that start together do not mix
// theirs. A part of it, where that is all that fits, it takes back.
func appendLine(path, line, first string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	was, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	n, err := f.WriteString(first + line + "\n")
	if err != nil && n > 0 {
		if is, no := f.Stat(); no != nil || is.Size() != was.Size()+int64(n) || f.Truncate(was.Size()) != nil {
			err = errors.Join(err, errPart)
		}
	}
	return errors.Join(err, f.Close())
}
