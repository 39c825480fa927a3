package codec_test

import (
	"testing"

	"github.com/tincan-voice/tincan/codec"
)

// Configurations of RFC 6716 table 2 with their frame duration in samples.
var tocTable = []struct{ first, last, samples int }{
	{0, 0, 480}, {1, 1, 960}, {2, 2, 1920}, {3, 3, 2880},
	{4, 4, 480}, {5, 5, 960}, {6, 6, 1920}, {7, 7, 2880},
	{8, 8, 480}, {9, 9, 960}, {10, 10, 1920}, {11, 11, 2880},
	{12, 12, 480}, {13, 13, 960}, {14, 14, 480}, {15, 15, 960},
	{16, 16, 120}, {17, 17, 240}, {18, 18, 480}, {19, 19, 960},
	{20, 20, 120}, {21, 21, 240}, {22, 22, 480}, {23, 23, 960},
	{24, 24, 120}, {25, 25, 240}, {26, 26, 480}, {27, 27, 960},
	{28, 28, 120}, {29, 29, 240}, {30, 30, 480}, {31, 31, 960},
}

// every calls check with every kind of packet: its configuration, its code (RFC 6716 section 3.2) and how many
// samples it has.
func every(check func(packet []byte, config int, code byte, samples int)) {
	body := make([]byte, 40)
	for _, row := range tocTable {
		for config := row.first; config <= row.last; config++ {
			for stereo := range 2 {
				toc := byte(config<<3 | stereo<<2)
				check(append([]byte{toc}, body...), config, 0, row.samples)
				check(append([]byte{toc | 1}, body...), config, 1, 2*row.samples)
				check(append([]byte{toc | 2, 20}, body...), config, 2, 2*row.samples)
				for count := range 64 {
					check([]byte{toc | 3, byte(count), 0}, config, 3, count*row.samples)
				}
			}
		}
	}
}

func TestIsFrame(t *testing.T) {
	every(func(packet []byte, _ int, _ byte, samples int) {
		if got, want := codec.IsFrame(packet), samples == codec.FrameSize; got != want {
			t.Errorf("% x, %d samples: %v", packet, samples, got)
		}
	})
	const silk20 = 9 << 3
	longest := make([]byte, codec.MaxFrameBytes+1)
	longest[0] = silk20
	for name, tt := range map[string]struct {
		packet []byte
		want   bool
	}{
		"nothing":           {nil, false},
		"one byte":          {[]byte{silk20}, true}, // of DTX
		"code 3, no count":  {[]byte{silk20 | 3}, false},
		"the longest":       {longest[:codec.MaxFrameBytes], true},
		"longer than frame": {longest, false},
	} {
		if got := codec.IsFrame(tt.packet); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The flags are there in single SILK and hybrid frames of 20 ms only.
func TestFlags(t *testing.T) {
	every(func(packet []byte, config int, code byte, samples int) {
		if got, want := codec.IsCELT(packet), config >= 16; got != want {
			t.Errorf("% x: IsCELT %v", packet, got)
		}
		has := config < 16 && code == 0 && samples == codec.FrameSize
		for _, flags := range []byte{0, 0x40, 0x80, 0xc0, 0x3f} {
			packet[1] = flags
			if got, want := codec.HasFEC(packet), has && flags&0x40 != 0; got != want {
				t.Errorf("% x: HasFEC %v", packet[:2], got)
			}
			if got, want := codec.Unvoiced(packet), has && flags&0x80 == 0; got != want {
				t.Errorf("% x: Unvoiced %v", packet[:2], got)
			}
		}
	})
	if codec.IsCELT(nil) || codec.HasFEC(nil) || codec.Unvoiced(nil) || codec.HasFEC([]byte{9 << 3}) {
		t.Error("flags without a frame")
	}
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0xff})
	f.Add([]byte{0x48, 0x40})
	f.Add([]byte{0x4b, 0xc1, 0xff, 0xff, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		if (codec.HasFEC(data) || codec.Unvoiced(data)) && (len(data) < 2 || codec.IsCELT(data) || !codec.IsFrame(data)) {
			t.Fatal("flags in what cannot have them")
		}
	})
}
