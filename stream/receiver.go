package stream

import (
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Arrival is what a datagram of voice has brought. It and the frames are good until the call that it is given to
// returns.
type Arrival struct {
	Header netproto.Header
	Frames []netproto.Frame // newest first; some may have come before
}

// Playing is how the frames of a talker fare where they are played. Counts are totals of frames.
type Playing struct {
	Frames    uint64        // whose time to be played came, silence not counted
	Concealed uint64        // of these, made up
	Delay     time.Duration // playout delay now
	Spread    time.Duration // 95 % of the datagrams came that little later than the fastest
}

// ReceiverConfig says what a Receiver tells whom. What is nil is not told.
type ReceiverConfig struct {
	// Take takes what a datagram has brought, or returns why it cannot: then the datagram counts as dropped for that.
	Take func(now time.Duration, a *Arrival) error
	// Playing tells how a talker's frames fare, for reports. Without it nothing is played, and what comes late is as good.
	Playing func(session uint32) Playing
	// Asked is told that a frame has been asked for, and should be here in so long.
	Asked func(now time.Duration, session, frame uint32, in time.Duration)
	// Ended is told that after the datagram with this sequence number nothing of a talker comes for now.
	Ended func(now time.Duration, session, seq uint32)
}

// Receiver turns the datagrams of everyone in a room into frames, and says what the relay is to be told: what
// is missing, and how it comes. Use NewReceiver.
//
//	           ┌ talker 7: key ─ replay window ─ gaps ┐
//	datagram ──┼ talker 9: key ─ replay window ─ gaps ┼──> Take
//	           └ ...                              └───┴──> Poll: nack, report
type Receiver struct {
	cfg     ReceiverConfig
	secrets listenerSecrets
	way     time.Duration // one way, talker to here; 0 = not known
	talkers map[uint32]*talker
	order   []*talker // the same, in the order in which they came
	active  []*talker // those heard of late
	counts  DropCounts
	came    uint16
	twice   bool
	outlook outlook
	ahead   ahead

	strangers [4]Unheard // talkers who are not in the room: as many as a relay forwards at a time

	items   [][]byte // scratch: a bundle's datagrams
	body    []byte
	ends    []netproto.End
	arrival Arrival
}

// talker is one talker as received here.
type talker struct {
	session   uint32
	keys      peerKeys
	reception *reception // made when it is heard first
	unheard   Unheard
	datagrams uint64
	active    bool
}

// NewReceiver makes a Receiver that knows no one yet.
func NewReceiver(cfg ReceiverConfig) *Receiver {
	r := &Receiver{
		cfg:     cfg,
		talkers: map[uint32]*talker{},
		items:   make([][]byte, 0, maxBundle),
		body:    make([]byte, 0, netproto.MaxDatagram),
	}
	r.arrival.Frames = make([]netproto.Frame, 0, wire.MaxStride*(MaxOffset+2))
	if cfg.Playing == nil {
		r.cfg.Playing = func(uint32) Playing { return Playing{Delay: unhurried} }
	}
	if cfg.Take == nil {
		r.cfg.Take = func(time.Duration, *Arrival) error { return nil }
	}
	if cfg.Asked == nil {
		r.cfg.Asked = func(time.Duration, uint32, uint32, time.Duration) {}
	}
	if cfg.Ended == nil {
		r.cfg.Ended = func(time.Duration, uint32, uint32) {}
	}
	return r
}

// unhurried is how late a frame may be where nothing is played: as long as a relay keeps it.
const unhurried = repair.CacheAge

// maxBundle is the most voice datagrams that fit into one bundle.
const maxBundle = netproto.MaxDatagram / (netproto.VoiceHeaderSize + netproto.TagSize + netproto.HopSize)

// SetSecret gives the room secret of an epoch, newer than all before. The newest netproto.EpochWindow epochs are kept,
// each until netproto.EpochExpiry after the next one came.
func (r *Receiver) SetSecret(now time.Duration, epoch uint32, secret netproto.RoomSecret) {
	r.secrets.set(now, epoch, &secret)
}

// SetEpoch begins an epoch as SetSecret does, in which each talker has a secret of its own: see SetTalkerSecret.
func (r *Receiver) SetEpoch(now time.Duration, epoch uint32) { r.secrets.set(now, epoch, nil) }

// SetTalkerSecret gives a talker's own secret in an epoch that SetEpoch has begun. Of an epoch the first one is taken.
func (r *Receiver) SetTalkerSecret(now time.Duration, session, epoch uint32, secret netproto.RoomSecret) {
	t, slot := r.talkers[session], &r.secrets.slots[epoch%netproto.EpochWindow]
	if t != nil && slot.known && slot.keyed && slot.epoch == epoch {
		t.keys.set(session, epoch, secret)
		r.ahead.release(now, r, session, epoch)
	}
}

// Add lets a talker be heard. A second call does nothing.
func (r *Receiver) Add(session uint32) {
	if r.talkers[session] == nil {
		t := &talker{session: session}
		r.talkers[session] = t
		r.order = append(r.order, t)
	}
}

// Remove forgets a talker.
func (r *Receiver) Remove(session uint32) {
	t := r.talkers[session]
	if t == nil {
		return
	}
	delete(r.talkers, session)
	gone := func(u *talker) bool { return u == t }
	r.order, r.active = slices.DeleteFunc(r.order, gone), slices.DeleteFunc(r.active, gone)
}

// Renew forgets all talkers and secrets, as for another session, which is told anew of the cap and whether we are deaf.
// What it counts goes on.
func (r *Receiver) Renew() {
	clear(r.talkers)
	r.order, r.active = nil, nil
	r.outlook.tell()
	r.secrets, r.strangers, r.ahead = listenerSecrets{}, [len(r.strangers)]Unheard{}, ahead{}
}

// Handle takes a datagram that arrived at now: voice as the relay forwards it, without
// the hop tag, or a bundle of those. The datagram is not kept. The error is a
// Drop; of a bundle, that of the last item dropped.
func (r *Receiver) Handle(now time.Duration, datagram []byte) error {
	t, err := netproto.DatagramType(datagram)
	switch {
	case err != nil:
		return r.drop(DropMalformed)
	case t == netproto.TypeVoice:
		return r.voice(now, datagram)
	case t != netproto.TypeBundle:
		return r.drop(DropNotVoice)
	}
	r.items, err = netproto.ParseBundle(r.items[:0], datagram)
	if err != nil {
		return r.drop(DropMalformed)
	}
	err = nil
	for _, item := range r.items {
		if t, _ := netproto.DatagramType(item); t != netproto.TypeVoice {
			err = r.drop(DropNotVoice)
		} else if dropped := r.voice(now, item); dropped != nil {
			err = dropped
		}
	}
	return err
}

func (r *Receiver) drop(reason Drop) error {
	r.counts[reason]++
	return reason
}

// refuse drops a datagram of somebody in the room.
func (r *Receiver) refuse(now time.Duration, t *talker, reason Drop) error {
	t.unheard.note(now, reason)
	if t.unheard.Foreign() && t.unheard.Count == fewDropped+1 {
		r.outlook.tell() // the talker is to know at once
	}
	return r.drop(reason)
}

func (r *Receiver) voice(now time.Duration, datagram []byte) error {
	r.came++
	return r.open(now, datagram)
}

func (r *Receiver) open(now time.Duration, datagram []byte) error {
	sealed, hop, err := netproto.SplitHop(datagram)
	if err != nil {
		return r.drop(DropMalformed)
	}
	h, err := netproto.ParseHeader(sealed)
	if err != nil {
		return r.drop(DropMalformed)
	}
	t := r.talkers[h.Session]
	if t == nil {
		r.stranger(now, h.Session)
		return r.drop(DropUnknown)
	}
	key := t.keys.get(now, &r.secrets, h.Session, h.Epoch)
	if key == nil && r.secrets.keyed(now, h.Epoch) {
		return r.ahead.keep(now, r, t, datagram)
	}
	if key == nil {
		return r.refuse(now, t, DropEpoch)
	}
	body, err := key.sealer.Open(r.body[:0], sealed)
	if err != nil {
		return r.refuse(now, t, DropForged)
	}
	switch accepted := t.keys.accept(now, key, h.Seq, key.epoch == r.secrets.newest); {
	case !accepted && r.twice:
		return r.drop(DropTwin)
	case !accepted:
		return r.drop(DropReplayed)
	}
	a := &r.arrival
	if a.Frames, err = netproto.ParseFrames(a.Frames[:0], h.Seq, body); err != nil {
		return r.refuse(now, t, DropMalformed)
	}
	if t.reception == nil {
		t.reception = new(reception)
	}
	if !t.active {
		t.active = true
		r.active = append(r.active, t)
	}
	t.datagrams++
	a.Header = h
	t.reception.arrived(now, h, hop, a.Frames)
	if r.cfg.Take(now, a) != nil {
		return r.refuse(now, t, DropDecoder)
	}
	t.unheard.Count, t.unheard.Opened = 0, true
	return nil
}

// SetTwice tells whether the relay sends everything on two paths: then what is there already has come by the other one.
func (r *Receiver) SetTwice(twice bool) { r.twice = twice }

// Came is how many datagrams of voice came, whatever became of them, modulo 65536.
func (r *Receiver) Came() uint16 { return r.came }

// Datagrams is how many of a talker's were received and authentic.
func (r *Receiver) Datagrams(session uint32) uint64 {
	if t := r.talkers[session]; t != nil {
		return t.datagrams
	}
	return 0
}

// RoundTrip is the round trip to the relay as SetRoundTrip told it.
func (r *Receiver) RoundTrip() time.Duration { return r.outlook.rtt }

// Drops returns how many datagrams were dropped so far, by reason.
func (r *Receiver) Drops() DropCounts { return r.counts }
