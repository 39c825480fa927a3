//go:build !linux

package engine

// bindTo does nothing: the socket is bound to an address of the interface, and the routes decide.
func bindTo(uintptr, string) {}
