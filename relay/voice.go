package relay

import (
	"time"

	"github.com/tincan-voice/tincan/internal/udpio"
)

// work is a worker's goroutine: batches of datagrams in, to the end of Conn.
func (s *Server) work(index int, conn udpio.Conn) {
	w := s.core.NewWorker(&socketOutput{conn: conn, index: index})
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
			s.core.Resume(now)
			n = s.passOver(w, conn, msgs, n)
			now = s.now()
		}
		last = now
		for i := range msgs[:n] {
			w.Queue(now, msgs[i].From, msgs[i].Data)
		}
		wait = pulse
		if next, ok := w.Flush(now); ok {
			wait = min(pulse, max(0, next-s.now()))
		}
	}
}

// passOver empties the socket of what has waited there, n datagrams of which are in msgs.
func (s *Server) passOver(w *Worker, conn udpio.Conn, msgs []udpio.Message, n int) (left int) {
	for end := s.now() + passTime; n > 0 && s.now() < end; n, _ = conn.Read(msgs, 0) {
		for range n {
			w.PassOver()
		}
	}
	return n
}

// socketOutput is a worker's Output on its socket. It keeps the prebuilt
// group of each room in the room's Listeners.
type socketOutput struct {
	conn  udpio.Conn
	index int
}

// Send implements Output. A lost answer is asked for again.
func (o *socketOutput) Send(to Path, d []byte) bool { return o.conn.Send(to, d) == nil }

// Forward implements Output.
func (o *socketOutput) Forward(l *Listeners, skip []int, d []byte) int {
	built := l.Built(o.index)
	if *built == nil {
		*built = o.conn.NewGroup(l.Paths())
	}
	sent, _ := o.conn.SendGroup((*built).(udpio.Group), d, skip)
	return sent
}
