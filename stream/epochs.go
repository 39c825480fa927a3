package stream

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// talkerKey seals the frames from number from on.
type talkerKey struct {
	epoch  uint32
	from   uint32
	sealer *netproto.Sealer
}

// talkerKeys is the key in use and those whose grace is not over yet. A listener
// keeps netproto.EpochWindow epochs, so the talker never falls further behind.
type talkerKeys struct {
	tag     *netproto.TagKey
	used    bool // something has been sealed with current
	current talkerKey
	waiting []talkerKey
}

func (k *talkerKeys) ready() bool { return k.current.sealer != nil }

// set takes the secret of an epoch, to be used when so many frames have followed seq.
func (k *talkerKeys) set(session, epoch uint32, secret netproto.RoomSecret, seq, grace uint32) {
	if k.ready() && epoch <= k.newest() {
		return // said twice
	}
	key := talkerKey{epoch: epoch, from: seq + 1 + grace}
	key.sealer = netproto.NewSealer(netproto.VoiceKey(secret, session, epoch))
	if !k.used { // nobody needs the one before
		k.current, k.waiting = key, nil
		return
	}
	for n := len(k.waiting); n > 0 && k.waiting[n-1].from >= key.from; n-- {
		k.waiting = k.waiting[:n-1] // somebody has come meanwhile, who waits for this one
	}
	k.waiting = append(k.waiting, key)
	for epoch-k.current.epoch >= netproto.EpochWindow {
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

// at returns the key for frame seq, which is sealed with it.
func (k *talkerKeys) at(seq uint32) *talkerKey {
	for len(k.waiting) > 0 && seq >= k.waiting[0].from {
		k.advance()
	}
	k.used = true
	return &k.current
}

func (k *talkerKeys) advance() {
	k.current = k.waiting[0]
	k.waiting = append(k.waiting[:0], k.waiting[1:]...)
}

// listenerSecrets are the room secrets of the newest netproto.EpochWindow epochs, by
// the two bits that datagrams carry.
type listenerSecrets struct {
	newest uint32
	slots  [netproto.EpochWindow]roomSecret
}

type roomSecret struct {
	epoch   uint32
	secret  netproto.RoomSecret
	known   bool
	expires time.Duration // when it is not good any more; 0: it is the newest
}

// set takes the secret of an epoch, from which on those before are good for a while. One that is not newer than all
// is not taken.
func (s *listenerSecrets) set(now time.Duration, epoch uint32, secret netproto.RoomSecret) {
	if slot := &s.slots[s.newest%netproto.EpochWindow]; slot.known {
		if epoch <= s.newest {
			return
		}
		slot.expires = now + netproto.EpochExpiry
	}
	s.newest = epoch
	s.slots[epoch%netproto.EpochWindow] = roomSecret{epoch: epoch, secret: secret, known: true}
}

// at returns the secret of the epoch with these bits, nil if there is none.
func (s *listenerSecrets) at(now time.Duration, bits uint8) *roomSecret {
	r := &s.slots[bits%netproto.EpochWindow]
	if r.known && r.expires > 0 && now >= r.expires {
		*r = roomSecret{}
	}
	if !r.known {
		return nil
	}
	return r
}

// peerKeys are what opens one talker's datagrams, made when its first one of an epoch comes.
type peerKeys [netproto.EpochWindow]*peerKey

// peerKey opens those of one epoch.
type peerKey struct {
	epoch  uint32
	sealer *netproto.Sealer
	window netproto.ReplayWindow
	least  uint32        // lowest number that opened; 0: none did
	first  uint32        // number that opened first,
	at     time.Duration // and when
}

// get returns the key for an epoch, given by its two bits, or nil if the secret is not known.
func (k *peerKeys) get(now time.Duration, secrets *listenerSecrets, session uint32, bits uint8) *peerKey {
	r := secrets.at(now, bits)
	if r == nil {
		return nil
	}
	key := &k[bits%netproto.EpochWindow]
	if *key == nil || (*key).epoch != r.epoch {
		*key = &peerKey{epoch: r.epoch, sealer: netproto.NewSealer(netproto.VoiceKey(r.secret, session, r.epoch))}
	}
	return *key
}

// accept takes the number of a datagram that has opened with key, unless it has come before, or cannot be: no talker
// numbers more than 50 frames per second, and none goes back to an epoch that it has left.
func (k *peerKeys) accept(now time.Duration, key *peerKey, seq uint32) bool {
	for _, other := range k {
		if other != nil && other.epoch > key.epoch && other.least > 0 && seq > other.least {
			return false
		}
	}
	if key.least == 0 {
		key.least, key.first, key.at = seq, seq, now
	}
	passed := (now - key.at) / netproto.FrameDuration
	if int64(seq)-int64(key.first) > int64(passed+passed/driftShare)+slackFrames || !key.window.Accept(seq) {
		return false
	}
	key.least = min(key.least, seq)
	return true
}

const (
	// slackFrames is how much later than others a datagram may come, on the way to here: 10 s.
	slackFrames = 500
	// driftShare bounds how much faster than ours a talker's clock is: 0.2 %. Quartz is within 0.01 %, and sound cards
	// are too, but for a few.
	driftShare = 500
)
