package stream

import "time"

// Unheard is a talker whose datagrams come and are dropped, or were.
type Unheard struct {
	Session     uint32
	Reason      Drop
	Opened      bool // some have not been dropped
	Count       int  // since the last one that was not
	First, Last time.Duration
}

const (
	// fewDropped is how many of a talker's datagrams may be dropped by chance: tampered with, or ahead of their key.
	fewDropped = 3
	// TalksOn is how long after the last datagram somebody may still be talking.
	TalksOn = 3 * time.Second
)

// note notes one more. One ahead of its epoch tells nothing new of somebody whose seals are broken.
func (u *Unheard) note(now time.Duration, reason Drop) {
	if reason == DropEpoch && u.Reason == DropForged && u.Count > 0 {
		reason = DropForged
	}
	if u.Count == 0 || u.Reason != reason {
		u.Count, u.First, u.Reason = 0, now, reason
	}
	u.Count++
	u.Last = now
}

// Steady tells whether it is more than chance.
func (u *Unheard) Steady() bool { return u.Count > fewDropped }

// Foreign tells whether the talker seals with another passphrase, as far as can be told: nothing of it has ever opened.
func (u *Unheard) Foreign() bool { return u.Steady() && u.Reason == DropForged && !u.Opened }

// stranger notes a talker who is not in the room. Of several at a time the first few are known.
func (r *Receiver) stranger(now time.Duration, session uint32) {
	oldest := &r.strangers[0]
	for i := range r.strangers {
		s := &r.strangers[i]
		if s.Count > 0 && s.Session == session {
			s.note(now, DropUnknown)
			return
		}
		if s.Last < oldest.Last {
			oldest = s
		}
	}
	if oldest.Count == 0 || now-oldest.Last >= TalksOn {
		*oldest = Unheard{Session: session}
		oldest.note(now, DropUnknown)
	}
}

// Unheard appends those whose datagrams come and are dropped, or were.
func (r *Receiver) Unheard(dst []Unheard) []Unheard {
	for _, t := range r.order {
		if u := t.unheard; u.Last > 0 {
			u.Session = t.session
			dst = append(dst, u)
		}
	}
	for _, s := range r.strangers {
		if s.Last == 0 {
			continue
		}
		if r.talkers[s.Session] != nil { // the list has come
			s.Count = 0
		}
		dst = append(dst, s)
	}
	return dst
}

// unopened appends those who talk under another passphrase: few, as the relay forwards few at a time.
func (r *Receiver) unopened(now time.Duration, dst []uint32) []uint32 {
	if r.counts[DropForged] == 0 {
		return dst
	}
	for _, t := range r.order {
		if u := &t.unheard; u.Foreign() && now-u.Last < TalksOn && len(dst) < maxTalkers {
			dst = append(dst, t.session)
		}
	}
	return dst
}
