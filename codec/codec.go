package codec

// Encoder makes the Opus frames of one talker. It has memory: feed it in order, one call per 20 ms. No method
// allocates, unless it returns an error.
type Encoder interface {
	// Configure changes the configuration while running, from the next frame on and
	// without a glitch. Only what differs is touched, so it may be called for every
	// frame. On ErrConfig nothing has changed; other errors are of the library behind it.
	Configure(cfg EncoderConfig) error

	// Encode encodes pcm, FrameSize samples, into dst and returns the length of the frame.
	// n == 0 with a nil error means silence (only with EncoderConfig.DTX): there is
	// nothing to send; the first one of a row ends the talkspurt. Silence begins 200 ms
	// after the last speech and ends with the first frame of the next.
	//
	// A dst shorter than MaxFrameBytes is a hard limit on the frame, which the encoder meets
	// by coding worse. Samples beyond -1..1 are coded as they are and may clip at the
	// decoder. Both slices stay the caller's. Errors: ErrFrameSize, ErrNoSpace, or one of the library behind it.
	Encode(pcm []float32, dst []byte) (n int, err error)
}

// PlainConcealer is a Decoder that conceals with a network and can do without it.
type PlainConcealer interface {
	Decoder
	// ConcealPlain is Conceal as with DecoderConfig.Complexity 1, which takes a twentieth of the CPU. It is for who
	// loses frames of many talkers at once.
	ConcealPlain(pcm []float32) error
}

// Rewinder is a Decoder that can go back. It is for who has it conceal before it is known whether a frame is lost.
type Rewinder interface {
	Decoder
	// Save notes where the decoder is, for Rewind.
	Save()
	// Rewind goes back to where the decoder was at the last Save.
	Rewind()
}

// Decoder turns the frames of one talker into PCM. It has memory: feed it in order,
// exactly one call per 20 ms of the talker's time. All slices stay the caller's. No method allocates.
//
// Where a method returns an error the decoder's state has not moved and pcm
// holds nothing useful: call Conceal to fill the time.
type Decoder interface {
	// Decode decodes one frame into pcm, FrameSize samples. The frame may come from
	// anyone: what is not one Opus packet of exactly 20 ms and at most MaxFrameBytes is
	// ErrMalformed. A stereo packet is mixed down. ErrFrameSize if pcm is not FrameSize long.
	Decode(frame []byte, pcm []float32) error

	// HasFEC tells whether DecodeFEC would recover the frame before this one.
	HasFEC(frame []byte) bool

	// DecodeFEC fills pcm, FrameSize samples, with the lost frame before this one, from the
	// copy that this one carries. Call it in the lost frame's turn, then Decode with the
	// same frame in its own. Errors: ErrFrameSize, ErrNoFEC, ErrMalformed.
	DecodeFEC(frame []byte, pcm []float32) error

	// Conceal fills pcm, FrameSize samples, with what might have come next: the last sound
	// carried on and faded over some frames, then faint comfort noise. Before the first
	// frame it is silence. ErrFrameSize if pcm is not FrameSize long.
	Conceal(pcm []float32) error
}
