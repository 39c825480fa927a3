package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tincan-voice/tincan/codec"
)

// bitrate is a rate in bit/s on the command line: 24, 24k and 24000 are the same, since
// below 1000 nobody means bits.
type bitrate int

// UnmarshalText reads a bitrate.
func (b *bitrate) UnmarshalText(text []byte) error {
	number, kilo := strings.CutSuffix(strings.ToLower(string(text)), "k")
	v, err := strconv.ParseFloat(number, 64)
	if kilo || v < 1000 {
		v *= 1000
	}
	if err != nil || !(v >= codec.MinBitrate && v <= codec.MaxBitrate) {
		return fmt.Errorf("%q is no bitrate of Opus here: write %d to %d kbit/s, as in 24 or 24k", text, codec.MinBitrate/1000, codec.MaxBitrate/1000)
	}
	*b = bitrate(v)
	return nil
}
