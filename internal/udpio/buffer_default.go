//go:build !linux

package udpio

// ReceiveBuffer returns how many bytes the kernel has granted a Conn of Listen for what
// has come and is not yet read, 0 if that is not known, as on this system.
func ReceiveBuffer(Conn) int { return 0 }
