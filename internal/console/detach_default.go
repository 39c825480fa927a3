//go:build !unix

package console

// Detach has nothing to do here: these systems have no such signals.
func Detach() {}
