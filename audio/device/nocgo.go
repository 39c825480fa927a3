//go:build !cgo

package device

import "fmt"

// acquire fails: PortAudio is a C library.
func acquire() (system, error) {
	return nil, fmt.Errorf("device: %w: this program was built without cgo, so without PortAudio; use files, or build it "+
		"with CGO_ENABLED=1, a C compiler and PortAudio", ErrSystem)
}
