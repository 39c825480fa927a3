//go:build gopus

package opus

import (
	"errors"

	"github.com/thesyncim/gopus"

	"github.com/tincan-voice/tincan/codec"
)

// libVersion names the port, and what it is a port of.
func libVersion() string { return gopus.VersionString() + " (Go, of libopus 1.6.1)" }

// libEncoder is the port's encoder, with the methods of libopus's and two faults of version 0.1.1 worked around.
type libEncoder struct {
	*gopus.Encoder
	pcm [codec.FrameSize]float32 // scratch
}

// newLibEncoder makes a mono encoder in VoIP mode.
func newLibEncoder() (*libEncoder, error) {
	enc, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: codec.SampleRate, Channels: 1, Application: gopus.ApplicationVoIP})
	return &libEncoder{Encoder: enc}, err
}

// setWideband leaves out what is above 8 kHz, or no more.
func (e *libEncoder) setWideband(on bool) error {
	if on {
		return e.SetMaxBandwidth(gopus.BandwidthWideband)
	}
	return e.SetMaxBandwidth(gopus.BandwidthFullband)
}

// SetDTX is that of libopus's.
func (e *libEncoder) SetDTX(on bool) error {
	e.Encoder.SetDTX(on)
	return nil
}

// SetInBandFEC is that of libopus's.
func (e *libEncoder) SetInBandFEC(on bool) error {
	e.SetFEC(on)
	return nil
}

// SetPacketLossPerc is that of libopus's.
func (e *libEncoder) SetPacketLossPerc(percent int) error { return e.SetPacketLoss(percent) }

// Reset begins anew with the same settings. The port's own Reset leaves some of the past.
func (e *libEncoder) Reset() error {
	fresh, err := newLibEncoder()
	if err != nil {
		return err
	}
	fresh.Encoder.SetDTX(e.DTXEnabled())
	fresh.SetFEC(e.FECEnabled())
	err = errors.Join(fresh.SetBitrate(e.Bitrate()), fresh.SetComplexity(e.Complexity()),
		fresh.SetMaxBandwidth(e.MaxBandwidth()), fresh.SetPacketLoss(e.PacketLoss()))
	e.Encoder = fresh.Encoder
	return err
}

// loudest is the largest sample that is coded: far beyond what anything plays.
const loudest = 16

func (e *libEncoder) encode(pcm []float32, dst []byte) (int, error) {
	for i, s := range pcm { // the port panics on what is no number
		if s != s {
			s = 0
		}
		e.pcm[i] = max(-loudest, min(s, loudest))
	}
	n, err := e.Encode(e.pcm[:], dst)
	if err != nil || n > 2 || e.InDTX() || len(dst) <= 2 {
		return n, err
	}
	// On the way from hybrid to SILK, as from 24 kbit/s to 12, the port gets stuck in frames of one byte.
	if err := e.Reset(); err != nil {
		return 0, err
	}
	return e.Encode(e.pcm[:], dst)
}

// libDecoder is the port's decoder.
type libDecoder struct{ dec *gopus.Decoder }

// newLibDecoder makes a mono decoder.
func newLibDecoder(complexity int) (*libDecoder, error) {
	dec, err := gopus.NewDecoder(gopus.DefaultDecoderConfig(codec.SampleRate, 1))
	if err != nil {
		return nil, err
	}
	d := &libDecoder{dec}
	d.setComplexity(complexity)
	return d, nil
}

// clone and copy are for a library that conceals with a network, which the port does not.
func (*libDecoder) clone() *libDecoder { return nil }
func (*libDecoder) copy(*libDecoder)   {}

func (d *libDecoder) setComplexity(complexity int) { _ = d.dec.SetComplexity(complexity) } // which is in range

// decode fills pcm with a frame, with the copy in it of the one before (fec), or with what is made up (no frame). It
// reports whether it filled all of it.
func (d *libDecoder) decode(frame []byte, pcm []float32, fec bool) bool {
	n, err := d.dec.DecodeWithFEC(frame, pcm, fec)
	return err == nil && n == len(pcm)
}
