package relay

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// While a room changes all the time, a client without VOICE gets whole lists at a bounded rate, other packages at once,
// and the last list in the end.
func TestWholeListsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		s := &Server{cfg: Config{WriteTimeout: time.Minute, MaxUnsent: 1 << 20}}
		c := &client{server: s, conn: near, link: link{Conn: near}}
		c.out = &outbox{client: c, done: make(chan struct{})}

		began := time.Now()
		var got, last, acked atomic.Int64
		s.wg.Go(func() {
			var d netproto.Decoder
			buf := make([]byte, 4096)
			for {
				n, err := far.Read(buf)
				if err != nil {
					return
				}
				got.Add(int64(n))
				d.Write(buf[:n])
				for p, err := d.Next(); !errors.Is(err, netproto.ErrNeedMore); p, err = d.Next() {
					switch p := p.(type) {
					case netproto.SendNewUsers:
						last.Store(int64(len(p.Users)))
					case netproto.Ack:
						acked.Store(int64(time.Since(began)))
					}
				}
			}
		})
		users := rooms.UserList{}
		const seconds, size = 60, 60
		var asked time.Duration
		for i := range 10 * seconds {
			users.Version++
			users.Names = append(users.Names[:0:0], users.Names...)
			if len(users.Names) < size {
				users.Names = append(users.Names, relaytest.Wide(i))
			}
			c.out.tell(rooms.NewRoster(users))
			if i == 300 {
				asked = time.Since(began)
				c.send(netproto.Ack{})
			}
			time.Sleep(100 * time.Millisecond)
		}
		whole := len(rooms.NewRoster(users).All())
		time.Sleep(time.Duration(whole) * time.Second / listRate)
		if most := seconds*listRate + 2*whole; got.Load() > int64(most) {
			t.Errorf("%d bytes in %d s, want at most %d", got.Load(), seconds, most)
		}
		if last.Load() != size {
			t.Errorf("the last list has %d of %d", last.Load(), size)
		}
		if late := time.Duration(acked.Load()) - asked; acked.Load() == 0 || late > 2*packagePause {
			t.Errorf("another package came after %v", late)
		}

		// The end waits for no list.
		users.Version++
		c.out.tell(rooms.NewRoster(users))
		c.out.tell(rooms.NewRoster(users))
		asked = time.Since(began)
		c.out.end()
		<-c.out.done
		if late := time.Since(began) - asked; late > 3*packagePause {
			t.Errorf("the end took %v", late)
		}
		_ = near.Close()
		s.wg.Wait()
	})
}

// What comes while a list is held back does not wait for it, whoever is first.
func TestListHeldBack(t *testing.T) {
	o := &outbox{listAt: time.Now().Add(time.Hour)}
	list, other := outgoing{list: new(rooms.Roster)}, outgoing{data: []byte("x")}
	for _, c := range []struct {
		name   string
		unsent []outgoing
		voice  bool
		ending bool
		place  int
		waits  bool
	}{
		{name: "alone", unsent: []outgoing{list}, waits: true},
		{name: "another behind it", unsent: []outgoing{list, other}, place: 1},
		{name: "another before it", unsent: []outgoing{other, list}},
		{name: "a difference", unsent: []outgoing{list}, voice: true},
		{name: "the end", unsent: []outgoing{list}, ending: true},
	} {
		o.unsent, o.voice, o.ending = c.unsent, c.voice, c.ending
		if place, wait := o.nextLocked(); place != c.place || wait > 0 != c.waits {
			t.Errorf("%s: place %d, wait %v", c.name, place, wait)
		}
	}
}
