package netproto

import "errors"

// Errors of the datagram side. Parsers return them as they are, so that a
// drop can be counted by its reason without allocation.
var (
	ErrShort     = errors.New("netproto: too short")
	ErrVersion   = errors.New("netproto: unknown datagram version")
	ErrType      = errors.New("netproto: unknown or misplaced datagram type")
	ErrAuth      = errors.New("netproto: datagram is not authentic")
	ErrMalformed = errors.New("netproto: malformed body")
	ErrFrames    = errors.New("netproto: frames are not newest first, too far apart or too long")
)

// ErrTooLarge reports something above a limit of the protocol: a control
// package above MaxPackage, a datagram above MaxDatagram, too many blocks for
// one body. From Decoder.Next and ParseTunnel it is fatal: close the stream.
var ErrTooLarge = errors.New("netproto: too large")

// ErrNeedMore is returned by stream parsers when the next package or datagram
// is not complete yet.
var ErrNeedMore = errors.New("netproto: need more bytes")
