package swarm

import (
	"bytes"

	"github.com/tincan-voice/tincan/netproto"
)

// userList is how a package with a user list begins (docs/protocol.md, 3:
// packages are written in one form only).
const userList = `{"KEY": 3,`

// packages takes the control stream of one client apart. User lists, which
// are nearly all of it in a large room, are counted and skipped without being
// kept: no string in a package holds a brace, so a package ends at the next
// one. The zero value is ready.
type packages struct {
	begun    []byte // of a package that is not complete
	skipping bool   // inside a user list

	bytes uint64 // that came
	lists uint64 // user lists among it
}

// write takes the next bytes and calls each for every package that is no user
// list. It ends with the first error, of the stream or of each.
func (p *packages) write(b []byte, each func(netproto.Package) error) error {
	p.bytes += uint64(len(b))
	for len(b) > 0 {
		end := bytes.IndexByte(b, '}') + 1
		part := b[:end]
		if end == 0 {
			part = b
		}
		b = b[len(part):]
		if !p.skipping {
			p.begun = append(p.begun, part...)
			p.skipping = bytes.HasPrefix(p.begun, []byte(userList))
		}
		if p.skipping {
			p.begun = p.begun[:0]
		}
		switch {
		case end == 0 && len(p.begun) > netproto.MaxPackage:
			return netproto.ErrTooLarge
		case end == 0:
		case p.skipping:
			p.skipping = false
			p.lists++
		default:
			err := decode(p.begun, each)
			p.begun = p.begun[:0]
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func decode(b []byte, each func(netproto.Package) error) error {
	var d netproto.Decoder
	d.Write(b)
	pkg, err := d.Next()
	if err != nil {
		return err
	}
	return each(pkg)
}
