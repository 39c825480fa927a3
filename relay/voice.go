package relay

import (
	"time"

	"github.com/tincan-voice/tincan/internal/udpio"
)

// readPause keeps a socket that only fails from eating a core.
const readPause = 10 * time.Millisecond

// work is a worker's goroutine: batches of datagrams in, to the end of Conn.
func (s *Server) work(index int, conn udpio.Conn) {
	w := s.core.NewWorker(&socketOutput{conn: conn, index: index})
	msgs := make([]udpio.Message, udpio.BatchSize)
	wait := udpio.Forever
	for {
		n, err := conn.Read(msgs, wait)
		if err == udpio.ErrClosed {
			return
		}
		if err != nil {
			time.Sleep(readPause)
		}
		now := s.now()
		for i := range msgs[:n] {
			w.Queue(now, msgs[i].From, msgs[i].Data)
		}
		wait = udpio.Forever
		if next, ok := w.Flush(now); ok {
			wait = max(0, next-s.now())
		}
	}
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
