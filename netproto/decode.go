package netproto

import "errors"

// Decoder takes a stream of control packages apart, in whatever pieces it
// comes. The zero value is ready. After every Write call Next until it returns
// ErrNeedMore: then the decoder holds less than MaxPackage bytes.
//
//	between --'{'--> object --complete--> a package (or a PackageError)
//	   ^               | a byte that cannot be
//	   |               v
//	   +---braces--- bad  (one PackageError, the rest of the object is dropped)
//
// A bad object ends where its braces balance, strings not looked at, or at }{
// whatever the balance: so a missing quote costs one package, not the stream.
type Decoder struct {
	buf  []byte
	off  int // buf[off:] is the object under way, or what is not looked at yet
	pos  int // of it so many bytes have been scanned
	scan scanner
	mode decodeMode
	junk int  // bytes dropped since the last good place
	open int  // bad: braces open
	last byte // bad: last byte that is no space
	err  error
}

type decodeMode uint8

const (
	between decodeMode = iota
	object
	bad
)

// Write takes the next bytes of the stream; it copies them.
func (d *Decoder) Write(b []byte) {
	if d.err != nil {
		return
	}
	if d.off > 0 {
		d.buf = d.buf[:copy(d.buf, d.buf[d.off:])]
		d.off = 0
	}
	d.buf = append(d.buf, b...)
}

// Buffered returns how many bytes wait in the decoder for the rest of their package.
func (d *Decoder) Buffered() int { return len(d.buf) - d.off }

// Next returns the next package. Errors are ErrNeedMore, a *PackageError for
// one bad package, after which the stream goes on, and ErrTooLarge for a
// package, or for rubbish between packages, of more than MaxPackage bytes,
// after which it does not.
func (d *Decoder) Next() (Package, error) {
	if d.err != nil {
		return nil, d.err
	}
	p, err := d.next()
	if errors.Is(err, ErrTooLarge) {
		d.buf, d.err = nil, err
	}
	return p, err
}

func (d *Decoder) next() (Package, error) {
	for d.off+d.pos < len(d.buf) {
		switch d.mode {
		case between:
			if err := d.skipRubbish(); err != nil {
				return nil, err
			}
		case object:
			whole, err := d.scanObject()
			if err != nil {
				return nil, err
			}
			if whole != nil {
				p, err := parsePackage(whole)
				d.drop(len(whole))
				return p, err
			}
		case bad:
			if err := d.skipBad(); err != nil {
				return nil, err
			}
		}
	}
	if d.off == len(d.buf) { // most connections are idle most of the time
		d.buf, d.off = nil, 0
	}
	return nil, ErrNeedMore
}

// skipRubbish drops what stands before the next object. Of what is no space
// the first byte is reported.
func (d *Decoder) skipRubbish() error {
	for _, c := range d.buf[d.off:] {
		if c == '{' {
			d.mode, d.junk, d.scan = object, 0, scanner{}
			return nil
		}
		d.drop(1)
		if d.junk == 0 && isSpace(c) {
			continue
		}
		d.junk++
		switch {
		case d.junk == 1:
			return badJSON("no object")
		case d.junk > MaxPackage:
			return ErrTooLarge
		}
	}
	return nil
}

// scanObject goes on scanning the object under way. It returns the object when
// it is complete, nil when bytes are missing.
func (d *Decoder) scanObject() ([]byte, error) {
	rest := d.buf[d.off:]
	for d.pos < len(rest) {
		if d.pos == MaxPackage {
			return nil, ErrTooLarge
		}
		problem := d.scan.step(rest[d.pos])
		if problem != "" {
			d.mode, d.pos, d.open, d.last, d.junk = bad, 0, 0, 0, 0
			return nil, badJSON(problem)
		}
		d.pos++
		if d.scan.state == scanDone {
			d.mode = between
			return rest[:d.pos], nil
		}
	}
	return nil, nil
}

// skipBad drops the rest of a bad object.
func (d *Decoder) skipBad() error {
	n := 0
	rest := d.buf[d.off:]
	for n < len(rest) && d.mode == bad {
		c := rest[n]
		if c == '{' && d.last == '}' {
			d.mode = between // the next object begins here
			break
		}
		n++
		switch {
		case c == '{':
			d.open++
		case c == '}':
			if d.open--; d.open == 0 {
				d.mode = between
			}
		}
		if !isSpace(c) {
			d.last = c
		}
	}
	d.junk += n
	d.drop(n)
	if d.junk > MaxPackage {
		return ErrTooLarge
	}
	if d.mode == between {
		d.junk = 0
	}
	return nil
}

// drop is done with n bytes.
func (d *Decoder) drop(n int) { d.off, d.pos = d.off+n, 0 }
