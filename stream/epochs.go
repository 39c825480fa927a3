package stream

import (
	"github.com/tincan-voice/tincan/netproto"
)

// graceFrames is netproto.EpochGrace counted on a talker's clock.
const graceFrames = uint32(netproto.EpochGrace / netproto.FrameDuration)

// talkerKey seals the frames from number from on.
type talkerKey struct {
	epoch  uint32
	from   uint32
	sealer *netproto.Sealer
}

// talkerKeys is the key in use and those whose grace is not over yet. A listener
// keeps netproto.EpochWindow epochs, so the talker never falls further behind: when too many
// wait, the oldest of them is used at once.
type talkerKeys struct {
	tag     *netproto.TagKey
	current talkerKey
	waiting []talkerKey
}

func (k *talkerKeys) ready() bool { return k.current.sealer != nil }

func (k *talkerKeys) set(session, epoch uint32, secret netproto.RoomSecret, tag *netproto.TagKey, seq uint32) {
	k.tag = tag
	if k.ready() && epoch <= k.newest() {
		return // said twice
	}
	key := talkerKey{epoch: epoch, from: seq + 1 + graceFrames}
	key.sealer = netproto.NewSealer(netproto.VoiceKey(secret, session, epoch))
	if !k.ready() {
		k.current = key
		return
	}
	k.waiting = append(k.waiting, key)
	if len(k.waiting) == netproto.EpochWindow {
		k.advance()
	}
}

// newest returns the newest epoch that there is a key for.
func (k *talkerKeys) newest() uint32 {
	if n := len(k.waiting); n > 0 {
		return k.waiting[n-1].epoch
	}
	return k.current.epoch
}

// at returns the key for frame seq.
func (k *talkerKeys) at(seq uint32) *talkerKey {
	for len(k.waiting) > 0 && seq >= k.waiting[0].from {
		k.advance()
	}
	return &k.current
}

func (k *talkerKeys) advance() {
	k.current = k.waiting[0]
	k.waiting = append(k.waiting[:0], k.waiting[1:]...)
}

// listenerSecrets are the room secrets of the newest netproto.EpochWindow epochs, by
// the two bits that datagrams carry.
type listenerSecrets [netproto.EpochWindow]roomSecret

type roomSecret struct {
	epoch  uint32
	secret netproto.RoomSecret
	known  bool
}

// set keeps the secret of an epoch, unless the slot has that one or a newer one.
func (s *listenerSecrets) set(epoch uint32, secret netproto.RoomSecret) {
	if r := &s[epoch%netproto.EpochWindow]; !r.known || epoch > r.epoch {
		*r = roomSecret{epoch: epoch, secret: secret, known: true}
	}
}

// peerKeys are the sealers of one talker, derived when its first datagram of an
// epoch comes.
type peerKeys [netproto.EpochWindow]struct {
	epoch  uint32
	sealer *netproto.Sealer
}

// sealer returns what opens the talker's datagrams of an epoch, given by its two
// bits, or nil if the secret is not known.
func (k *peerKeys) sealer(secrets *listenerSecrets, session uint32, bits uint8) *netproto.Sealer {
	r := &secrets[bits%netproto.EpochWindow]
	if !r.known {
		return nil
	}
	key := &k[bits%netproto.EpochWindow]
	if key.sealer == nil || key.epoch != r.epoch {
		key.epoch = r.epoch
		key.sealer = netproto.NewSealer(netproto.VoiceKey(r.secret, session, r.epoch))
	}
	return key.sealer
}
