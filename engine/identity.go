package engine

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Identity is what is known of whether a member is the one who had its name before, in this room of this relay. It
// counts in sealed rooms only, of at most netproto.MaxKeyed who share the passphrase.
type Identity int

// What there is to know.
const (
	IdentityNone     Identity = iota // nothing, or not yet: it has brought no key, and nobody of its name ever did
	IdentityFirst                    // it has a key, as the first one of its name; from now on that is known
	IdentityKnown                    // it has the key that is known
	IdentityChanged                  // it has another key than the one that is known
	IdentityMissing                  // it has brought no key, and one is known
	IdentityUnproven                 // it does not prove to have the key that it has brought: that is an earlier call's, or another one's
)

var identityNames = [...]string{"none", "first", "known", "changed", "missing", "unproven"}

// String returns it in one word.
func (i Identity) String() string {
	if i >= 0 && int(i) < len(identityNames) {
		return identityNames[i]
	}
	return "?"
}

// Doubtful tells whether that may be somebody else.
func (i Identity) Doubtful() bool { return i > IdentityKnown }

// Errors of Call.ComparisonCode and Accept, to match with errors.Is.
var (
	// ErrNoIdentity: we have brought no key.
	ErrNoIdentity = errors.New("you have brought no key, so there is no code: join a sealed room with an identity")
	// ErrNotProven: the other one has not.
	ErrNotProven = errors.New("no key to compare or accept")
)

// identityGrace is how long after somebody has come its sender key may take, which proves its key: the longest that it
// takes a talker to give up to wait for the same, with 2 s for the way.
const identityGrace = netproto.EpochGraceUnsent + 2*time.Second

// claim is whom a member has proven to be.
type claim struct {
	is     Identity
	key    *netproto.Identity // nil: nobody
	proven bool               // that was so by its sender key; else it has sent none in time
}

// proven takes that a member has the X25519 key in what it has brought: so whoever has signed that is here now.
func (c *Call) proven(session uint32, brought []byte) {
	c.hearing.Lock()
	name, there := c.roster.names[session]
	due := there && c.roster.known != nil && !c.roster.claims[session].proven && bytes.Equal(c.roster.brought[session], brought)
	c.hearing.Unlock()
	if !due {
		return
	}
	id, ok := netproto.Signer(brought, c.cfg.key, c.cfg.Room, name)
	c.hearing.Lock()
	if _, there = c.roster.names[session]; !there { // has just left
		c.hearing.Unlock()
		return
	}
	e := PeerIdentity{Session: session, Name: name}
	full := c.roster.known.full()
	if ok {
		e.Identity, e.Key = c.roster.claimed(session, &id, true), id.String()
	} else {
		e.Identity = c.roster.claimed(session, nil, true)
	}
	c.hearing.Unlock()
	switch {
	case e.Identity != IdentityFirst:
	case full:
		e.Err = fmt.Errorf("%w: %d keys of this room are known, which is the most: accept this one to have it known, too", ErrKnownMembers, mostKnown)
	default:
		e.Err = c.roster.known.remember(name, id)
	}
	if e.Identity != IdentityNone {
		c.events.add(e)
	}
}

// claimed notes whose key somebody has, nil: nobody's. proven is as in claim.
func (r *roster) claimed(session uint32, id *netproto.Identity, proven bool) Identity {
	name := r.names[session]
	cl := claim{r.known.judge(name, id), id, proven}
	if id == nil && len(r.brought[session]) == netproto.SignedFreshSize {
		cl.is = IdentityUnproven
	}
	if cl.is == IdentityFirst && !r.known.full() {
		r.known.note(name, *id)
	}
	delete(r.unproven, session)
	r.claims[session] = cl
	return cl.is
}

// overdue are the events about those who have proven nothing in time.
func (r *roster) overdue(now time.Duration) (events []Event) {
	for session, since := range r.unproven {
		if r.crowded && r.known.judge(r.names[session], nil) == IdentityNone {
			r.unproven[session] = now // nobody can prove anything; who has a name of which a key is known may be somebody else
		} else if now-since > identityGrace {
			if is := r.claimed(session, nil, false); is != IdentityNone {
				events = append(events, PeerIdentity{Session: session, Name: r.names[session], Identity: is})
			}
		}
	}
	return events
}

// ComparisonCode is what we and somebody of the room read to each other, to be sure that nobody is between us: 60
// digits, and both see the same. Errors are ErrNoIdentity and ErrNotProven.
func (c *Call) ComparisonCode(session uint32) (string, error) {
	if !c.cfg.identified() {
		return "", ErrNoIdentity
	}
	c.hearing.Lock()
	_, id, err := c.roster.identityOf(session)
	c.hearing.Unlock()
	if err != nil {
		return "", err
	}
	return netproto.ComparisonCode(netproto.Identity(c.cfg.Identity.Public().(ed25519.PublicKey)), *id), nil
}

// Accept has the key of somebody in the room be known by its name, beside those that were. Errors are ErrNotProven and
// ErrKnownMembers.
func (c *Call) Accept(session uint32) error {
	c.hearing.Lock()
	name, id, err := c.roster.identityOf(session)
	known := err == nil && c.roster.known.judge(name, id) == IdentityKnown
	c.hearing.Unlock()
	if err != nil || known && c.roster.known.saved(name, *id) {
		return err
	}
	if err := c.roster.known.remember(name, *id); err != nil || known {
		return err
	}
	c.hearing.Lock()
	defer c.hearing.Unlock()
	if c.roster.known.judge(name, id) != IdentityKnown { // nor has it been accepted twice at once
		c.roster.known.note(name, *id)
	}
	if c.roster.claims[session].key == id { // it is still there
		c.roster.claims[session] = claim{IdentityKnown, id, true}
		c.events.add(PeerIdentity{Session: session, Name: name, Identity: IdentityKnown, Key: id.String()})
	}
	return nil
}

func (r *roster) identityOf(session uint32) (name string, id *netproto.Identity, err error) {
	name, id = r.names[session], r.claims[session].key
	if id == nil {
		err = fmt.Errorf("%w: %s has brought none, or not proven to have it", ErrNotProven, name)
	}
	return name, id, err
}

// identified tells whether we bring a key.
func (c *Config) identified() bool { return len(c.Identity) > 0 && c.Passphrase != "" }
