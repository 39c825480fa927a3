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
			w.Queue(now, forward.Path(msgs[i].From), msgs[i].Data)
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

// socketOutput is a worker's Output on its socket.
type socketOutput struct{ conn udpio.Conn }

// Send implements forward.Output. A lost answer is asked for again.
func (o socketOutput) Send(to forward.Path, d []byte) bool {
	return o.conn.Send(udpio.Path(to), d) == nil
}

// Group implements forward.Output.
func (o socketOutput) Group(to []forward.Path) forward.Group {
	paths := make([]udpio.Path, len(to))
	for i, p := range to {
		paths[i] = udpio.Path(p)
	}
	return socketGroup{o.conn, o.conn.NewGroup(paths)}
}

// socketGroup is a group of a socket.
type socketGroup struct {
	conn udpio.Conn
	to   udpio.Group
}

// Send implements forward.Group.
func (g socketGroup) Send(d []byte, skip []int) int {
	sent, _ := g.conn.SendGroup(g.to, d, skip)
	return sent
}
