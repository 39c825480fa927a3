package swarm

import (
	"encoding/binary"
	"math/rand/v2"
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

	sealer *netproto.Sealer // also used by those who listen

	// The pacer's own while there is a talk.
	seq    uint32 // of the last datagram: as many were made
	unsent uint32 // of them, the kernel did not take
}

// secret is what all voice is sealed with. To the relay it is as good as those that members make of its user lists, which
// nobody here takes apart (see packages).
var secret = netproto.RoomSecret{1}

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
	t.seq++
	frame := w.frames[int(t.seq)%len(w.frames)]
	binary.BigEndian.PutUint64(frame, uint64(now.UnixNano()))
	w.frame[0] = netproto.Frame{Number: t.seq, Data: frame}
	var err error
	if w.body, err = netproto.AppendFrames(w.body[:0], t.seq, w.frame[:]); err != nil {
		panic("swarm: " + err.Error()) // validate bounds the size
	}
	h := netproto.Header{
		Type: netproto.TypeVoice, Session: t.session, Seq: t.seq, Level: speechLevel, Voice: true,
	}
	w.datagram = t.sealer.Seal(w.datagram[:0], h, w.body)
	w.datagram = netproto.AppendHop(w.datagram, netproto.Hop{Count: uint8(t.seq % netproto.HopCounts)})
	w.datagram = w.tagger.Append(t.tag, w.datagram)
	return w.datagram
}
