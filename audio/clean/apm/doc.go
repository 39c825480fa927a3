// Package apm is the audio processing of WebRTC (BSD), as Debian ships it: the library webrtc-audio-processing 0.3. It
// is only in programs that are built with cgo and -tags webrtc, which `make` gives where the library is installed.
package apm

import "errors"

// Block is 10 ms of mono sound at 48 kHz.
type Block [480]float32

// ErrNotBuilt says that this program was built without the library.
var ErrNotBuilt = errors.New("this program was built without webrtc-audio-processing: install it (make setup) and build with make, " +
	"or with CGO_ENABLED=1 go build -tags webrtc")
