package stream

import (
	"slices"
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

// hasten has an epoch used when so many frames have followed seq at the latest, and none of those before it later than that.
func (k *talkerKeys) hasten(epoch, seq, grace uint32) {
	i := slices.IndexFunc(k.waiting, func(key talkerKey) bool { return key.epoch == epoch })
	if i < 0 {
		return
	}
	k.waiting[i].from = min(k.waiting[i].from, seq+1+grace)
	for ; i > 0 && k.waiting[i-1].from >= k.waiting[i].from; i-- {
		k.waiting = slices.Delete(k.waiting, i-1, i)
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
	keyed   bool          // each talker has a secret of its own, and secret is none
	expires time.Duration // when it is not good any more; 0: it is the newest
}

// set takes the secret of an epoch, from which on those before are good for a while. One that is not newer than all
// is not taken.
func (s *listenerSecrets) set(now time.Duration, epoch uint32, secret *netproto.RoomSecret) {
	if slot := &s.slots[s.newest%netproto.EpochWindow]; slot.known {
		if epoch <= s.newest {
			return
		}
		slot.expires = now + netproto.EpochExpiry
	}
	s.newest = epoch
	r := roomSecret{epoch: epoch, known: true, keyed: secret == nil}
	if secret != nil {
		r.secret = *secret
	}
	s.slots[epoch%netproto.EpochWindow] = r
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

// keyed tells whether each talker has a secret of its own in the epoch with these bits.
func (s *listenerSecrets) keyed(now time.Duration, bits uint8) bool {
	r := s.at(now, bits)
	return r != nil && r.keyed
}

// peerKeys are what opens one talker's datagrams, made when its secret of an epoch comes, or its first datagram where
// the room's secret is all there is.
type peerKeys [netproto.EpochWindow]*peerKey

// peerKey opens those of one epoch.
type peerKey struct {
	epoch  uint32
	sealer *netproto.Sealer
	window netproto.ReplayWindow
	least  uint32        // lowest number that was taken; 0: none was
	most   uint32        // highest number that was taken while the epoch was the newest,
	at     time.Duration // and when
}

// get returns the key for an epoch, given by its two bits, or nil if the talker's secret is not known.
func (k *peerKeys) get(now time.Duration, secrets *listenerSecrets, session uint32, bits uint8) *peerKey {
	r := secrets.at(now, bits)
	if r == nil {
		return nil
	}
	key := &k[bits%netproto.EpochWindow]
	switch {
	case *key != nil && (*key).epoch == r.epoch:
	case r.keyed:
		return nil
	default:
		*key = newPeerKey(r.epoch, r.secret, session)
	}
	return *key
}

// set takes a talker's own secret of an epoch, the first one that is given.
func (k *peerKeys) set(session, epoch uint32, secret netproto.RoomSecret) {
	if key := &k[epoch%netproto.EpochWindow]; *key == nil || (*key).epoch < epoch {
		*key = newPeerKey(epoch, secret, session)
	}
}

func newPeerKey(epoch uint32, secret netproto.RoomSecret, session uint32) *peerKey {
	return &peerKey{epoch: epoch, sealer: netproto.NewSealer(netproto.VoiceKey(secret, session, epoch))}
}

// accept takes the number of a datagram that has opened with key, unless it has come before. Under an epoch that is not
// the newest, somebody who has left may have sealed it, too: there no number is taken that is above one of a later epoch,
// or more frames ahead than have had their time since.
func (k *peerKeys) accept(now time.Duration, key *peerKey, seq uint32, newest bool) bool {
	for _, other := range k {
		if other != nil && other.epoch > key.epoch && other.least > 0 && seq > other.least {
			return false
		}
	}
	ahead, last := int64(seq)-int64(key.most), key
	for _, other := range k {
		if other != nil && other.most > last.most {
			last = other
		}
	}
	far := int64(seq)-int64(last.most) > int64((now-last.at)/netproto.FrameDuration)+slackFrames
	if !newest && last.most > 0 && far || !key.window.Accept(seq) {
		return false
	}
	if newest && ahead > 0 {
		key.most, key.at = seq, now
	}
	if key.least == 0 || seq < key.least {
		key.least = seq
	}
	return true
}

// slackFrames is how much longer than others the newest datagram may have been under way: 2 s.
const slackFrames = 100
