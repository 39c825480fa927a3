package codec_test

import (
	"errors"
	"testing"

	"github.com/tincan-voice/tincan/codec"
)

func TestConfigDefaultsAndLimits(t *testing.T) {
	tests := []struct {
		name string
		cfg  codec.EncoderConfig
		want codec.EncoderConfig // completed; zero: ErrConfig
	}{
		{"zero", codec.EncoderConfig{}, codec.EncoderConfig{Bitrate: 24000, Complexity: 9}},
		{"fec", codec.EncoderConfig{FEC: true}, codec.EncoderConfig{Bitrate: 24000, Complexity: 9, FEC: true, ExpectedLoss: 10}},
		{"lowest", codec.EncoderConfig{Bitrate: 6000, Complexity: 1}, codec.EncoderConfig{Bitrate: 6000, Complexity: 1}},
		{"highest", codec.EncoderConfig{Bitrate: 64000, Complexity: 10, ExpectedLoss: 100, DTX: true},
			codec.EncoderConfig{Bitrate: 64000, Complexity: 10, ExpectedLoss: 100, DTX: true}},
		{"bitrate low", codec.EncoderConfig{Bitrate: 5999}, codec.EncoderConfig{}},
		{"bitrate high", codec.EncoderConfig{Bitrate: 64001}, codec.EncoderConfig{}},
		{"bitrate negative", codec.EncoderConfig{Bitrate: -1}, codec.EncoderConfig{}},
		{"complexity", codec.EncoderConfig{Complexity: 11}, codec.EncoderConfig{}},
		{"complexity negative", codec.EncoderConfig{Complexity: -1}, codec.EncoderConfig{}},
		{"loss", codec.EncoderConfig{ExpectedLoss: 101}, codec.EncoderConfig{}},
		{"loss negative", codec.EncoderConfig{ExpectedLoss: -1}, codec.EncoderConfig{}},
	}
	for _, tt := range tests {
		got, err := tt.cfg.Complete()
		if tt.want == (codec.EncoderConfig{}) {
			if !errors.Is(err, codec.ErrConfig) {
				t.Errorf("%s: error %v, want ErrConfig", tt.name, err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, error %v, want %+v", tt.name, got, err, tt.want)
		}
	}
}
