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
	// MaxStride is the most frames that are new in one datagram: 120 ms, as in the longest Opus packet
	// (RFC 6716, 2.1.4).
	MaxStride = 6
	// HopCounts is how many values the count of a hop has, which numbers a talker's datagrams there (netproto.Hop).
	HopCounts = 128
)

// Bytes that IP and UDP add to a datagram (RFC 791, RFC 8200, RFC 768).
const (
	IPv4Overhead = 20 + 8
	IPv6Overhead = 40 + 8
)

// Overhead is what IP and UDP add to a datagram to or from that address, in bytes.
func Overhead(a netip.Addr) int {
	if a.Is6() && !a.Is4In6() {
		return IPv6Overhead
	}
	return IPv4Overhead
}
