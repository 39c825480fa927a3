package relay

import (
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/udpio"
)

// work is a worker's goroutine: batches of datagrams in, to the end of Conn.
func (s *Server) work(conn udpio.Conn) {
	w := s.core.NewWorker(socketOutput{conn})
	msgs := make([]udpio.Message, udpio.BatchSize)
	wait := pulse
	var failed faults
	for last := s.now(); ; {
		n, err := conn.Read(msgs, wait)
		if err == udpio.ErrClosed {
			return
		}
		now := s.now()
		if err != nil {
			if times, ok := failed.say(now); ok {
				s.log.Warn("cannot read datagrams", "error", err, "times", times)
			}
			time.Sleep(faultPause)
		}
		if now-last > standstill {
			s.core.Wake(now)
			n = s.passOver(w, conn, msgs, n)
			now = s.now()
		}
		last = now
		for i := range msgs[:n] {
			from := &msgs[i].From
			w.Queue(now, forward.Path{Remote: from.Remote, Local: from.Local}, msgs[i].Data)
		}
		wait = pulse
		if next, ok := w.Flush(now); ok {
			wait = min(pulse, max(0, next-s.now()))
		}
	}
}

// passOver empties the socket of what has waited there, n datagrams of which are in msgs.
func (s *Server) passOver(w *forward.Worker, conn udpio.Conn, msgs []udpio.Message, n int) (left int) {
	for end := s.now() + passTime; n > 0 && s.now() < end; n, _ = conn.Read(msgs, 0) {
		for range n {
			w.PassOver()
		}
	}
	return n
}

// socketOutput is a worker's Output on its socket, and into tunnels.
type socketOutput struct{ conn udpio.Conn }

// Send implements forward.Output. A lost answer is asked for again.
func (o socketOutput) Send(to forward.Path, d []byte) bool {
	if to.Tunnel != nil {
		return to.Tunnel.Send(d)
	}
	return o.conn.Send(udpio.Path{Remote: to.Remote, Local: to.Local}, d) == nil
}

// Group implements forward.Output.
func (o socketOutput) Group(to []forward.Path) forward.Group {
	g := &socketGroup{conn: o.conn}
	paths := make([]udpio.Path, 0, len(to))
	for i, p := range to {
		if p.Tunnel != nil {
			g.tunnels, g.places = append(g.tunnels, p.Tunnel), append(g.places, i)
			continue
		}
		paths = append(paths, udpio.Path{Remote: p.Remote, Local: p.Local})
	}
	g.to = o.conn.NewGroup(paths)
	return g
}

// socketGroup is a group of a socket, and tunnels.
type socketGroup struct {
	conn    udpio.Conn
	to      udpio.Group
	tunnels []forward.Tunnel
	places  []int // of the tunnels among all, rising
	skip    []int
}

// Send implements forward.Group.
func (g *socketGroup) Send(d []byte, skip []int) (sent int) {
	if len(g.tunnels) > 0 {
		skip, sent = g.sendTunnels(d, skip)
	}
	n := 0
	if g.to.Len() > len(skip) {
		n, _ = g.conn.SendGroup(g.to, d, skip)
	}
	return sent + n
}

// sendTunnels sends into the tunnels, and returns what is to be skipped of the others.
func (g *socketGroup) sendTunnels(d []byte, skip []int) (others []int, sent int) {
	others = g.skip[:0]
	for i, place := range g.places {
		for len(skip) > 0 && skip[0] < place {
			others, skip = append(others, skip[0]-i), skip[1:]
		}
		if len(skip) > 0 && skip[0] == place {
			skip = skip[1:]
			continue
		}
		if g.tunnels[i].Send(d) {
			sent++
		}
	}
	for _, s := range skip {
		others = append(others, s-len(g.places))
	}
	g.skip = others
	return others, sent
}
