package engine

import "syscall"

// bindTo has a socket send and take by one interface only, whatever the routes say. Before Linux 5.7 only root may.
func bindTo(fd uintptr, device string) {
	_ = syscall.SetsockoptString(int(fd), syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, device)
}
