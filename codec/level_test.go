package codec_test

import (
	"math"
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/internal/sounds"
)

func TestLevel(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		name string
		pcm  []float32
		want uint8
	}{
		{"empty", nil, 127},
		{"digital silence", make([]float32, 960), 127},
		{"full-scale square", []float32{1, -1, 1, -1}, 0},
		{"beyond full scale", []float32{8, -8}, 0},
		{"full-scale sine", sounds.Sine(1, 1000, 1), 3},
		{"-20 dBov sine", sounds.Sine(1, 1000, 0.1*math.Sqrt2), 20},
		{"-60 dBov square", []float32{0.001, -0.001}, 60},
		{"one 16-bit step", []float32{1.0 / 32768, -1.0 / 32768}, 90},
		{"too faint", []float32{1e-9, -1e-9}, 127},
		{"not a number", []float32{1, nan}, 127},
		{"infinite", []float32{float32(math.Inf(1))}, 0},
	}
	for _, tt := range tests {
		if got := codec.Level(tt.pcm); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
