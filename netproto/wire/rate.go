package wire

import "time"

// Kbps is a rate of datagrams in kbit/s (1000 bit/s), their IP and UDP headers counted: what caps, reports and people
// go by. The bitrates of Opus are of the payload alone, and integers in bit/s.
type Kbps float64

// KbpsOf is the rate of so many bytes in a time, which must not be 0.
func KbpsOf[N int | uint64 | float64](bytes N, over time.Duration) Kbps {
	return Kbps(float64(bytes) * 8 / 1000 / over.Seconds())
}

// Bytes is how many bytes go by at a rate in a time.
func (k Kbps) Bytes(over time.Duration) float64 { return float64(k) * 1000 / 8 * over.Seconds() }
