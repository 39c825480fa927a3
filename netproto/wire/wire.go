// Package wire holds what the protocol fixes for everyone, whatever a program does with datagrams: how long a
// frame is, what networks add to a datagram, and the unit of rates. It imports nothing of the house, so that
// every package may import it.
package wire

import (
	"net/netip"
	"time"
)

const (
	// FrameDuration is the length of a frame, and what one number of a talker's sequence stands for.
	FrameDuration = 20 * time.Millisecond
	// FramesPerSecond is how many there are.
	FramesPerSecond = int(time.Second / FrameDuration)
	// SampleRate is in what shifts of a talker are told, in Hz.
	SampleRate = 48000
	// FrameSamples is how many samples a frame has.
	FrameSamples = SampleRate / FramesPerSecond
	// MaxStride is the most frames that are new in one datagram: 120 ms, as in the longest Opus packet
	// (RFC 6716, 2.1.4).
	MaxStride = 6
	// HopCounts is how many values the count of a hop has, which numbers a talker's datagrams there (netproto.Hop).
	HopCounts = 128
)

// Bytes that IP and UDP add to a datagram (RFC 791, RFC 8200, RFC 768).
const (
	udpHeader    = 8
	IPv4Overhead = 20 + udpHeader
	IPv6Overhead = 40 + udpHeader
)

// Overhead is what IP and UDP add to a datagram to or from that address, in bytes.
func Overhead(a netip.Addr) int {
	if a.Is6() && !a.Is4In6() {
		return IPv6Overhead
	}
	return IPv4Overhead
}

// tunnelHeaders is what a tunnel adds to a datagram that has a segment to itself, in bytes: TCP with timestamps
// (RFC 9293, RFC 7323), the header, inner type and tag of a TLS record (RFC 8446, 5.2), and the datagram's length.
const tunnelHeaders = (20 + 12) + (5 + 1 + 16) + 2

// TunnelOverhead is what IP and a tunnel add to a datagram to or from that address, in bytes.
func TunnelOverhead(a netip.Addr) int { return Overhead(a) - udpHeader + tunnelHeaders }

// webHeaders is what WebTransport adds to a datagram that has a packet to itself, in bytes: QUIC's short header with a
// connection ID of 4 and a packet number of 2 (RFC 9000, 17.3.1), its tag (RFC 9001, 5.3), the type and length of a
// DATAGRAM frame (RFC 9221, 4), and the number of the session (RFC 9297, 2.1). A browser's own ID is shorter, or none.
const webHeaders = (1 + 4 + 2) + 16 + (1 + 2) + 1

// WebOverhead is what IP, UDP and WebTransport add to a datagram to or from that address, in bytes.
func WebOverhead(a netip.Addr) int { return Overhead(a) + webHeaders }
