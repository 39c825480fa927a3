package netproto

import "encoding/binary"

// TunnelProtocol is the ALPN name (RFC 7301) of a TLS connection that carries
// datagrams instead of control packages.
const TunnelProtocol = "tincan-tunnel"

// AppendTunnel appends a datagram to dst as it goes through the tunnel: two
// bytes of length, big endian, then the datagram. Errors are ErrMalformed for
// an empty one and ErrTooLarge above MaxDatagram.
func AppendTunnel(dst, datagram []byte) ([]byte, error) {
	if len(datagram) == 0 {
		return dst, ErrMalformed
	}
	if len(datagram) > MaxDatagram {
		return dst, ErrTooLarge
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(datagram)))
	return append(dst, datagram...), nil
}

// ParseTunnel splits the first datagram off a tunnel's stream. Both results
// alias stream. ErrNeedMore asks for more bytes behind the same ones;
// ErrMalformed and ErrTooLarge are fatal for the tunnel.
func ParseTunnel(stream []byte) (datagram, rest []byte, err error) {
	if len(stream) < 2 {
		return nil, stream, ErrNeedMore
	}
	n := int(binary.BigEndian.Uint16(stream))
	switch {
	case n == 0:
		return nil, stream, ErrMalformed
	case n > MaxDatagram:
		return nil, stream, ErrTooLarge
	case len(stream) < 2+n:
		return nil, stream, ErrNeedMore
	}
	return stream[2 : 2+n : 2+n], stream[2+n:], nil
}
