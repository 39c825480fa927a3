package stream

import (
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Frame is 20 ms of a talker.
type Frame struct {
	Data   []byte // Opus; empty: silence
	Coarse []byte // the same, coded shorter, for copies; empty: copies are Data
	Level  uint8  // -dBov, 0 loudest to 127 silent (RFC 6464)
	Voice  bool   // it is speech
	Held   bool   // it is sent only where speech follows within 60 ms: for the listener it is silence until then
}

// Silent is the level of silence.
const Silent = netproto.Silent

// Config says how a Packetizer begins. Zero values are the good defaults, but for the session.
type Config struct {
	Session uint32 // session ID that the relay gave
	Stride  int    // frames per datagram, 0 = 1, at most MaxStride
	Copies  []int  // offsets in datagrams, none by default; see Packetizer.SetRedundancy
	// May decides whether a datagram of so many bytes, IP and UDP headers not counted, goes out. It is asked
	// before the datagram gets its count, so that one that does not go is no loss to anyone. nil: all go.
	May func(size int) bool
}

// Packetizer turns a talker's frames into sealed datagrams. Its clock is the frames themselves: one call of
// Frame per 20 ms. Use NewPacketizer.
//
//	frame ─> history ─> due? new frames + copies ─> seal ─> May? ─> count, hop tag ─> datagram
//	                                                                  └─> last second, for Resend
type Packetizer struct {
	session uint32
	may     func(size int) bool
	seq     uint32 // number of the last frame
	counted repair.Sent
	account repair.Account

	level  uint8 // loudest of the frames since the last datagram
	voice  bool  // of the same frames
	silent bool  // the last frame was silence
	ending bool  // the last frame ended a talkspurt: it is sent at once

	layout redundancy // in force for the group of frames that is being filled
	next   redundancy // from the next group on
	past   history
	phase  Phase

	keys   talkerKeys
	limit  int // longest datagram
	tagger *netproto.HopTagger
	frames []netproto.Frame // scratch: what goes into the datagram
	body   []byte           // scratch: the same, coded
	sent   sentCache
	again  []byte // what Resend has returned
}

// NewPacketizer makes a Packetizer. It needs SetTag, and sends nothing before SetSecret. The error is ErrRedundancy,
// wrapped.
func NewPacketizer(cfg Config) (*Packetizer, error) {
	p := &Packetizer{
		session: cfg.Session,
		may:     cfg.May,
		limit:   netproto.MaxDatagram,
		level:   Silent,
		silent:  true,
		tagger:  netproto.NewHopTagger(),
		body:    make([]byte, 0, netproto.MaxVoiceBody),
		frames:  make([]netproto.Frame, 0, wire.MaxStride*(MaxOffset+2)),
	}
	if err := p.SetRedundancy(cfg.Stride, cfg.Copies); err != nil {
		return nil, err
	}
	p.layout = p.next
	p.past.init()
	p.sent.init()
	return p, nil
}

// SetTag gives the key of the hop tags.
func (p *Packetizer) SetTag(tag *netproto.TagKey) { p.keys.tag = tag }

// SetSecret gives the secret of an epoch, which is used when the grace is over: then every listener has it too. One
// that comes before the last one has been used takes its place at once.
func (p *Packetizer) SetSecret(epoch uint32, secret netproto.RoomSecret, grace time.Duration) {
	p.keys.set(p.session, epoch, secret, p.seq, uint32(grace/netproto.FrameDuration))
}

// Hasten has the grace of an epoch last so long from now on at most.
func (p *Packetizer) Hasten(epoch uint32, grace time.Duration) {
	p.keys.hasten(epoch, p.seq, uint32(grace/netproto.FrameDuration))
}

// Renew goes on under another session, whose tag key and first secret must be given anew. Numbers and counts go on:
// so none comes twice under a key, whatever keys these are.
func (p *Packetizer) Renew(session uint32) {
	p.session, p.keys, p.phase = session, talkerKeys{}, Phase{}
	p.sent.forget()
}

// Epoch is that of the key in use.
func (p *Packetizer) Epoch() uint32 { return p.keys.current.epoch }

// SetRedundancy changes how many frames share a datagram and which earlier ones it
// repeats, from the next datagram on. Stride is 1 (or 0) to wire.MaxStride. Each of copies is an
// offset of 1 to MaxOffset datagrams, in any order but none twice: 1 repeats what was new one
// datagram ago. In silence the datagrams that were not sent count too, so that an
// offset is always a time. Copies that would make a datagram longer than
// netproto.MaxDatagram are left out, the largest offsets first. The
// error is ErrRedundancy, wrapped; then nothing has changed.
func (p *Packetizer) SetRedundancy(stride int, copies []int) error {
	r, err := newRedundancy(stride, copies)
	if err != nil {
		return err
	}
	p.next = r
	return nil
}

// SetLimit bounds the datagrams from now on to so many bytes, hop tag included: Room gets smaller,
// and copies that do not fit are left out. It is held to leastLimit and netproto.MaxDatagram.
func (p *Packetizer) SetLimit(bytes int) {
	p.limit = min(max(bytes, leastLimit), netproto.MaxDatagram)
}

// overhead is what a datagram has besides its frames.
const overhead = netproto.VoiceHeaderSize + netproto.TagSize + netproto.HopSize + netproto.HopTagSize

// leastLimit leaves wire.MaxStride frames of 3 kbit/s, and leastFrame is how many bytes one is left at least.
const (
	leastLimit = overhead + wire.MaxStride*(leastFrame+frameOverhead)
	leastFrame = 8
)

// room is the longest body.
func (p *Packetizer) room() int { return p.limit - overhead }

// Room is how many bytes the next frame's Data may have, and CoarseRoom how many its Coarse.
func (p *Packetizer) Room() int {
	stride, filling, used := p.layout.stride, p.past.filling, p.past.used()
	if filling == 0 {
		stride = p.next.stride
	}
	return min(max((p.room()-used)/(stride-filling), leastFrame+frameOverhead)-frameOverhead, frameBytes)
}

// CoarseRoom is how many bytes Coarse may have.
const CoarseRoom = coarseBytes

// Left is how long after the next frame its datagram is due.
func (p *Packetizer) Left() time.Duration {
	layout := p.layout
	if p.past.filling == 0 {
		layout = p.next
	}
	return time.Duration(layout.stride-1-p.past.filling) * wire.FrameDuration
}

// LastSeq is the number of the last frame, 0 before the first.
func (p *Packetizer) LastSeq() uint32 { return p.seq }

// Receipt takes the relay's receipt and returns what has become of the datagrams that it is the first to tell of. Not
// ok: it has been overtaken by a later one, and tells nothing.
func (p *Packetizer) Receipt(r *netproto.Receipt) (o netproto.Outcome, ok bool) {
	return p.account.Take(&p.counted, r, p.layout.stride)
}

// LastNew is how many frames were new in the last datagram.
func (p *Packetizer) LastNew() int { return p.past.ago(0).count }

// Silent tells whether the last frame was silence.
func (p *Packetizer) Silent() bool { return p.silent }

// Settled tells whether silence has lasted so long that nothing is left to send: no end
// of talkspurt and no copies.
func (p *Packetizer) Settled() bool { return p.past.settled(p.next) }

// Frame takes the next 20 ms and returns the datagram that is due for the relay now, or nil. f is copied. The datagram
// is never longer than netproto.MaxDatagram and stays intact for the next 10 frames. The
// error is ErrFrame, where nothing is counted.
func (p *Packetizer) Frame(f Frame) (datagram []byte, err error) {
	if room := p.Room(); len(f.Data) > room || len(f.Coarse) > coarseBytes {
		return nil, fmt.Errorf("%w: %d bytes where there is room for %d, copies %d of %d",
			ErrFrame, len(f.Data), room, len(f.Coarse), coarseBytes)
	}
	p.seq++
	if p.past.filling == 0 {
		p.layout = p.next
	}
	p.ending = false
	switch {
	case len(f.Data) > 0 && !f.Held:
		if p.silent {
			p.past.release(p.seq)
		}
		p.past.addSpeech(p.seq, f.Data, f.Coarse)
		p.silent = false
		p.voice = p.voice || f.Voice
	case p.silent:
		p.past.addHeld(p.seq, f.Data, f.Coarse)
	default:
		p.past.addEnd(p.seq)
		p.silent, p.ending = true, true
	}
	if !p.silent {
		p.level = min(p.level, f.Level)
	}
	if p.past.filling < p.layout.stride && !p.ending {
		return nil, nil
	}
	p.past.closeGroup(p.seq)
	p.frames = p.past.due(p.frames[:0], p.seq, p.layout, p.room())
	level, voice := p.level, p.voice
	p.level, p.voice = Silent, false
	switch {
	case len(p.frames) == 0 || !p.keys.ready():
		return nil, nil
	case len(p.frames[0].Data) == 0:
		level, voice = Silent, false
	}
	return p.seal(level, voice)
}

func (p *Packetizer) seal(level uint8, voice bool) ([]byte, error) {
	body, err := netproto.AppendFrames(p.body[:0], p.seq, p.frames)
	if err != nil {
		return nil, fmt.Errorf("stream: datagram %d: %w", p.seq, err)
	}
	key := p.keys.at(p.seq)
	h := netproto.Header{
		Type:    netproto.TypeVoice,
		Epoch:   uint8(key.epoch & 3),
		Session: p.session,
		Seq:     p.seq,
		Level:   level,
		Voice:   voice,
	}
	count := p.counted.Next()
	d := key.sealer.Seal(p.sent.slot(count), h, body)
	if p.may != nil && !p.may(len(d)+netproto.HopSize+netproto.HopTagSize) {
		return nil, nil
	}
	p.counted.Add(p.seq)
	d = netproto.AppendHop(d, netproto.Hop{Count: count})
	return p.sent.keep(count, p.seq, p.tagger.Append(p.keys.tag, d)), nil
}

// Resend returns the datagram of that count once more, marked as sent again, or nil if there was none or it
// is older than a second. It stays intact until the next call: the one from Frame may be on its way still.
func (p *Packetizer) Resend(count uint8) []byte {
	d := p.sent.find(count)
	if d == nil {
		return nil
	}
	p.again = append(p.again[:0], d[:len(d)-netproto.HopTagSize]...)
	netproto.SetHop(p.again, netproto.Hop{Count: count, Again: true})
	p.again = p.tagger.Append(p.keys.tag, p.again)
	return p.again
}
