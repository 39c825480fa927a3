package relay

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/webtransport-go"

	"github.com/tincan-voice/tincan/netproto"
)

// webTransport is a browser's session of WebTransport, which is a connection of QUIC with one such session:
//
//	its reader --batch--> a tunnelLane        any worker --Send--> its queue --> its writer
//	a stream that the browser opens: a control connection, like one of TCP
//
// Its datagrams are ours as they are on UDP, and come or are lost as those.
type webTransport struct {
	carrier
	session *webtransport.Session
	wake    chan struct{} // something waits in the queue
	of      *quicServer
	streams atomic.Int32 // control connections
	heard   atomic.Int64 // when a datagram came, as Server.now
	watch   *time.Timer  // ends it when it is of no use
	over    atomic.Bool  // the last session whose path it was has ended
}

// serve is the goroutine of a session, from its beginning to its end.
func (q *quicServer) serve(c *client, session *webtransport.Session) {
	t := &webTransport{of: q, session: session, wake: make(chan struct{}, 1)}
	t.carry(c, t)
	t.watch = time.AfterFunc(time.Hour, t.look)
	t.watch.Reset(q.server.cfg.LoginTimeout) // now that look has it
	q.server.wg.Go(t.write)
	q.server.wg.Go(t.accept)
	t.read()
	t.watch.Stop()
	_ = c.link.Close()
	t.shut()
}

// read takes datagrams until the session ends.
func (t *webTransport) read() {
	for {
		d, err := t.session.ReceiveDatagram(t.session.Context())
		if err != nil {
			return
		}
		now := t.server.now()
		t.heard.Store(int64(now))
		t.prove(now)
		var b *batch
		select {
		case b = <-t.free:
		case <-t.session.Context().Done(): // also where the lanes have ended
			return
		}
		framed, err := netproto.AppendTunnel(b.buf[:0], d)
		if err != nil { // empty, or too long for a datagram of ours
			t.free <- b
			continue
		}
		b.whole = len(framed)
		t.give(b)
	}
}

// look ends a session that has become nobody's path within the time for a name, or by which nothing has come for as long
// as a tunnel may be silent, and which has no control connection.
func (t *webTransport) look() {
	silence := t.server.core.Silence()
	quiet := t.server.now() - time.Duration(t.heard.Load())
	switch {
	case t.streams.Load() > 0:
		t.watch.Reset(silence)
	case t.held.Load() && quiet < silence:
		t.watch.Reset(silence - quiet)
	default:
		_ = t.client.link.Close()
	}
}

// Send implements forward.Tunnel.
func (t *webTransport) Send(d []byte) bool {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return false
	}
	overdue := t.queue.push(t.server.now(), d)
	t.mu.Unlock()
	t.server.core.Overdue(overdue)
	ring(t.wake)
	return true
}

// Reliable implements forward.Tunnel: what is lost on the way is lost.
func (*webTransport) Reliable() bool { return false }

// write is a goroutine: it gives QUIC what waits, as fast as that takes it.
func (t *webTransport) write() {
	record := make([]byte, 0, tunnelRecord)
	for {
		select {
		case <-t.session.Context().Done():
			return
		case <-t.wake:
		}
		for {
			t.mu.Lock()
			overdue := t.queue.expire(t.server.now())
			record = t.queue.take(record[:0])
			t.mu.Unlock()
			t.server.core.Overdue(overdue)
			if len(record) == 0 {
				break
			}
			for d, rest, err := netproto.ParseTunnel(record); err == nil; d, rest, err = netproto.ParseTunnel(rest) {
				t.sendNow(d)
			}
		}
	}
}

// sendNow waits where QUIC has enough to do. A bundle that is too long for a packet goes in parts; what else is is lost.
func (t *webTransport) sendNow(d []byte) {
	tooLong := (*quic.DatagramTooLargeError)(nil)
	if !errors.As(t.session.SendDatagram(d), &tooLong) {
		return
	}
	if kind, err := netproto.DatagramType(d); err != nil || kind != netproto.TypeBundle {
		return
	}
	items, _ := netproto.ParseBundle(nil, d)
	for _, item := range items {
		_ = t.session.SendDatagram(item)
	}
}

// accept is a goroutine: each stream that the browser opens is a control connection.
func (t *webTransport) accept() {
	s := t.server
	for {
		stream, err := t.session.AcceptStream(t.session.Context())
		if err != nil {
			return
		}
		c := &client{server: s, from: t.client.from, tls: true, number: s.number.Add(1)}
		c.link.Conn = &streamConn{Stream: stream, of: t}
		c.conn = &c.link
		t.count(1)
		if refusal := s.admit(c); refusal != "" {
			s.turnAway(c, refusal)
			continue
		}
		s.list(c)
		_ = c.link.SetDeadline(time.Now().Add(s.cfg.LoginTimeout))
		c.begin(false)
	}
}

// count notes control connections.
func (t *webTransport) count(n int32) {
	t.of.streams.Add(n)
	t.streams.Add(n)
	t.endIfOver()
}

// Release implements forward.Tunnel. A control connection may still have to say why the session has ended.
func (t *webTransport) Release(over bool) {
	if t.holders.Add(-1) == 0 {
		t.over.Store(over)
		t.endIfOver()
	}
}

func (t *webTransport) endIfOver() {
	if t.over.Load() && t.holders.Load() == 0 && t.streams.Load() == 0 {
		_ = t.client.link.Close()
	}
}

// upgrade makes a session of a request, in the goroutine of that.
func (q *quicServer) upgrade(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(clientKey{}).(*client)
	if c == nil {
		http.Error(w, "no connection of this relay", http.StatusInternalServerError)
		return
	}
	session, err := q.web.Upgrade(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	q.server.wg.Go(func() { q.serve(c, session) })
}
