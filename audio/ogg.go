package audio

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// An Ogg file is a row of pages (RFC 3533 section 6): "OggS", version 0, flags, position, serial number, page number,
// checksum, the number of lacing values, those values, and as many bytes as they sum up to. A link begins with
// the first pages of all its streams; a first page after others begins the next link of a chain.
const (
	oggHeader   = 27
	oggFlags    = 5
	oggSerial   = 14
	oggChecksum = 22
	oggFirst    = 0x02 // flag: first page of a stream

	oggMostFirst = 1 << 20 // bytes of first pages that are taken for one link's
)

// oggLinks reads a chain of links from an Ogg file, one after the other. It is an io.Reader of the pages of one stream
// of the link that is being read, without what is damaged in between.
type oggLinks struct {
	r     *bufio.Reader
	first []byte // first pages of the link
	only  []byte // serial number of the stream, in first
	page  []byte // what is left of the page that is passed on, in first or in r's buffer
	taken int    // bytes to discard from r before the next page
	err   error  // other than io.EOF, which libopusfile would not tell apart
}

// next goes to the next link and returns its first pages, or io.EOF. What is left of this link is skipped. One of
// the pages is to be chosen before anything is read.
func (o *oggLinks) next() ([]byte, error) {
	o.first, o.page = o.first[:0], nil
	for {
		page, err := o.peek()
		switch {
		case err != nil && len(o.first) == 0:
			return nil, err
		case err == nil && page[oggFlags]&oggFirst != 0 && len(o.first) < oggMostFirst:
			o.first = append(o.first, page...)
		case len(o.first) > 0:
			return o.first, nil
		}
		o.taken = len(page)
	}
}

// choose has Read pass on the stream that begins with page, one of those that next has returned.
func (o *oggLinks) choose(page []byte) { o.page, o.only = page, page[oggSerial:][:4] }

// Read passes on pages up to the end of the link.
func (o *oggLinks) Read(b []byte) (int, error) {
	for len(o.page) == 0 {
		page, err := o.peek()
		if err != nil {
			return 0, err
		}
		if page[oggFlags]&oggFirst != 0 {
			return 0, io.EOF
		}
		o.taken = len(page)
		if string(page[oggSerial:][:4]) == string(o.only) {
			o.page = page
		}
	}
	n := copy(b, o.page)
	o.page = o.page[n:]
	return n, nil
}

// peek returns the next whole page without taking it; it is in r's buffer.
func (o *oggLinks) peek() ([]byte, error) {
	if o.err != nil {
		return nil, o.err
	}
	if _, err := o.r.Discard(o.taken); err != nil {
		return nil, o.fail(err)
	}
	o.taken = 0
	for {
		head, err := o.r.Peek(oggHeader)
		if err != nil {
			return nil, o.fail(err)
		}
		if string(head[:5]) == "OggS\x00" {
			page, err := o.whole()
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, o.fail(err)
			}
			if err == nil && oggSum(page) == binary.LittleEndian.Uint32(page[oggChecksum:]) {
				return page, nil
			}
		}
		_, _ = o.r.Discard(1) // it is in the buffer
	}
}

// whole returns the page at which r stands, if it is one.
func (o *oggLinks) whole() ([]byte, error) {
	head, err := o.r.Peek(oggHeader)
	if err != nil {
		return nil, err
	}
	if head, err = o.r.Peek(oggHeader + int(head[oggHeader-1])); err != nil {
		return nil, err
	}
	_, size := oggSizes(head)
	return o.r.Peek(size)
}

// oggSizes gives the bytes of a page's header and of the whole page.
func oggSizes(page []byte) (header, size int) {
	header = oggHeader + int(page[oggHeader-1])
	size = header
	for _, lacing := range page[oggHeader:header] {
		size += int(lacing)
	}
	return header, size
}

// ended tells whether there is no further page.
func (o *oggLinks) ended() bool {
	_, err := o.peek()
	return err != nil
}

func (o *oggLinks) fail(err error) error {
	if !errors.Is(err, io.EOF) {
		o.err = err
	}
	return err
}

// oggTable is of the CRC-32 of Ogg: polynomial 0x04c11db7, most significant bit first, nothing inverted.
var oggTable = func() (table [256]uint32) {
	for i := range table {
		r := uint32(i) << 24
		for range 8 {
			r = r<<1 ^ r>>31*0x04c11db7
		}
		table[i] = r
	}
	return table
}()

// oggSum is the checksum of a page, whose own field counts as zero.
func oggSum(page []byte) (sum uint32) {
	for i, b := range page {
		if i >= oggChecksum && i < oggChecksum+4 {
			b = 0
		}
		sum = sum<<8 ^ oggTable[byte(sum>>24)^b]
	}
	return sum
}
