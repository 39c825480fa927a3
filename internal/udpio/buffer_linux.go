package udpio

import "golang.org/x/sys/unix"

// ReceiveBuffer returns how many bytes the kernel has granted a Conn of Listen for what
// has come and is not yet read, 0 if that is not known. With less than SocketBuffer,
// bursts are lost.
func ReceiveBuffer(c Conn) int {
	m, ok := c.(*mmsgConn)
	if !ok || !m.enter() {
		return 0
	}
	defer m.exit()
	n, err := unix.GetsockoptInt(m.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return n / 2 // the kernel doubles what it is asked for (socket(7))
}
