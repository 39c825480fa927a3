package forward

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// end tells the listeners of a room that this was the last datagram of a talker for now: others are louder. That costs
// a sealing and a packet for each, but only where somebody loses a place.
func (w *Worker) end(now time.Duration, r *Room, l *listeners, from *Session, last uint32) {
	talker := from.ID
	w.body, _ = netproto.AppendEnds(w.body[:0], []netproto.End{{Session: talker, Seq: last}}) // one always fits
	for _, id := range l.main.ids {
		s := w.x.table.get(id)
		if id == talker || s == nil || !s.Live() {
			continue
		}
		w.reply = s.seal(w.reply[:0], netproto.TypeEnd, w.body)
		if !w.sendTo(s, w.reply) {
			w.count.drops[DropSend].Add(1)
		}
	}
	for _, id := range l.trunks.ids {
		if s := w.x.table.get(id); s != nil && from.link == nil {
			w.reply = s.seal(w.reply[:0], netproto.TypeEnd, w.body)
			w.sendTo(s, w.reply)
		}
	}
	if len(l.apart) == 0 {
		return
	}
	r.mu.Lock()
	for _, s := range l.apart {
		if s.ID != talker {
			w.mend.Ended(now, &s.Member, talker, last)
		}
	}
	r.mu.Unlock()
	w.emit()
}
