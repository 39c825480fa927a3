//go:build !linux

package engine

import "net"

// mostNotSent is how many bytes the kernel keeps at most: less than a second of voice. Windows and some others take it as a
// wish.
const mostNotSent = 4096

// holdLittle has the kernel keep little of what it cannot send yet.
func holdLittle(conn net.Conn) {
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetWriteBuffer(mostNotSent)
	}
}
