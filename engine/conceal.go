package engine

import (
	"cmp"

	"github.com/tincan-voice/tincan/codec"
)

// deepPerBlock is for how many talkers a loss may begin to be made up by the decoder's network in one block of the mix.
// That takes 1 ms each, 2.5 without SIMD, of the 10 ms that a block of the device lasts; bench row worstblock.
const deepPerBlock = 2

// thrifty is a talker's decoder that does without the network where a block has had enough of it. A loss is made up
// in one way from beginning to end.
type thrifty struct {
	codec.PlainConcealer
	left *int // losses for which the network may begin in this block
	loss concealment
}

// concealment is how the running loss is made up.
type concealment uint8

const (
	noLoss concealment = iota
	deep
	plain
)

// thrifty returns dec itself if it has no choice.
func (l *Listener) thrifty(dec codec.Decoder) codec.Decoder {
	d, ok := dec.(codec.PlainConcealer)
	if !ok {
		return dec
	}
	t := &thrifty{PlainConcealer: d, left: &l.deepLeft}
	if r, ok := dec.(codec.Rewinder); ok {
		return &thriftyRewinder{thrifty: t, rewinder: r}
	}
	return t
}

// thriftyRewinder is the same for one that can go back.
type thriftyRewinder struct {
	*thrifty
	rewinder codec.Rewinder
	saved    concealment
}

// Save implements codec.Rewinder.
func (t *thriftyRewinder) Save() {
	t.rewinder.Save()
	t.saved = t.loss
}

// Rewind implements codec.Rewinder.
func (t *thriftyRewinder) Rewind() {
	t.rewinder.Rewind()
	t.loss = t.saved
}

// Decode implements codec.Decoder.
func (t *thrifty) Decode(frame []byte, pcm []float32) error {
	t.loss = noLoss
	return t.PlainConcealer.Decode(frame, pcm)
}

// DecodeFEC implements codec.Decoder.
func (t *thrifty) DecodeFEC(frame []byte, pcm []float32) error {
	t.loss = noLoss
	return t.PlainConcealer.DecodeFEC(frame, pcm)
}

// Conceal implements codec.Decoder.
func (t *thrifty) Conceal(pcm []float32) error {
	if t.loss == noLoss {
		t.loss = plain
		if *t.left > 0 {
			*t.left--
			t.loss = deep
		}
	}
	if t.loss == plain {
		return t.ConcealPlain(pcm)
	}
	return t.PlainConcealer.Conceal(pcm)
}

// louder orders those to be mixed so that the loudest come first, and last those who are turned off.
func louder(a, b *peer) int { return cmp.Compare(a.loudness(), b.loudness()) }

func (p *peer) loudness() uint8 {
	if p.volume == 0 {
		return codec.Silent
	}
	return p.level
}
