package swarm

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// speechLevel is the level in dBov that all talkers claim: -30, ordinary speech.
const speechLevel = 30

// speech is a second of frames as Opus makes them: noise to anyone without a
// decoder, and sizes that vary by a quarter around the mean. The first 8 bytes
// of a frame will be the time of its sending.
func speech(size int) [][]byte {
	const n = 51
	rng := rand.New(rand.NewPCG(1, 2))
	frames := make([][]byte, n)
	for i := range frames {
		step := i*19%n - n/2 // each of -25 to 25 once, small and large mixed
		frames[i] = make([]byte, size+step*size/(4*(n/2)))
		for j := range frames[i] {
			frames[i][j] = byte(rng.Uint32())
		}
	}
	return frames
}

// talker is the talking half of a client.
type talker struct {
	session uint32
	tag     *netproto.TagKey

	// Keys of the newest four epochs; also used by those who listen.
	sealers [netproto.EpochWindow]atomic.Pointer[netproto.Sealer]
	changes [netproto.EpochWindow]atomic.Pointer[epochChange] // to come; nil: none

	// The pacer's own while there is a talk.
	epoch  uint32
	seq    uint32 // of the last datagram: as many were made
	unsent uint32 // of them, the kernel did not take
}

type epochChange struct {
	epoch uint32
	at    time.Time
}

// learn takes the secret of an epoch, which the talker will use from the time
// at on.
func (t *talker) learn(secret netproto.RoomSecret, epoch uint32, at time.Time) {
	s := netproto.NewSealer(netproto.VoiceKey(secret, t.session, epoch))
	t.sealers[epoch%netproto.EpochWindow].Store(s)
	t.changes[epoch%netproto.EpochWindow].Store(&epochChange{epoch, at})
}

// sealer returns the Sealer for the two epoch bits of a header; nil if there
// is none.
func (t *talker) sealer(epoch uint8) *netproto.Sealer {
	return t.sealers[epoch%netproto.EpochWindow].Load()
}

// writer makes datagrams of voice for any talker. It belongs to one goroutine.
type writer struct {
	frames   [][]byte
	tagger   *netproto.HopTagger
	frame    [1]netproto.Frame
	body     []byte
	datagram []byte
}

func newWriter(size int) *writer {
	return &writer{
		frames: speech(size), tagger: netproto.NewHopTagger(),
		body:     make([]byte, 0, netproto.MaxDatagram),
		datagram: make([]byte, 0, netproto.MaxDatagram),
	}
}

// write returns the talker's next datagram, which is valid until the next call.
func (w *writer) write(t *talker, now time.Time) []byte {
	for i := range t.changes { // they come a second apart, which is just when the one before is due
		if n := t.changes[i].Load(); n != nil && !now.Before(n.at) {
			t.epoch = max(t.epoch, n.epoch)
			t.changes[i].CompareAndSwap(n, nil)
		}
	}
	t.seq++
	frame := w.frames[int(t.seq)%len(w.frames)]
	binary.BigEndian.PutUint64(frame, uint64(now.UnixNano()))
	w.frame[0] = netproto.Frame{Number: t.seq, Data: frame}
	var err error
	if w.body, err = netproto.AppendFrames(w.body[:0], t.seq, w.frame[:]); err != nil {
		panic("swarm: " + err.Error()) // validate bounds the size
	}
	h := netproto.Header{
		Type: netproto.TypeVoice, Epoch: uint8(t.epoch % netproto.EpochWindow),
		Session: t.session, Seq: t.seq, Level: speechLevel, Voice: true,
	}
	epoch := uint8(t.epoch % netproto.EpochWindow)
	w.datagram = t.sealer(epoch).Seal(w.datagram[:0], h, w.body)
	w.datagram = netproto.AppendHop(w.datagram, netproto.Hop{Count: uint8(t.seq % netproto.HopCounts)})
	w.datagram = w.tagger.Append(t.tag, w.datagram)
	return w.datagram
}
