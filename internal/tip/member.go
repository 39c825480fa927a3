package tip

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
)

// member is a client as a member of the room.
type member struct {
	name string
	call *engine.Call
	says *intake
	at   atomic.Pointer[netip.AddrPort] // of its sound
	told chan struct{}                  // closed when tell has ended
}

// tell tells the client who is in the room, and its session once. It ends with the call, and calls end then.
func (m *member) tell(conn net.Conn, end func()) {
	defer close(m.told)
	defer end()
	names := map[uint32]string{m.call.Session(): m.name}
	order := []uint32{m.call.Session()}
	greeted := false
	news := time.NewTimer(0)
	defer news.Stop()
	for {
		select {
		case e, open := <-m.call.Events():
			if !open {
				return
			}
			switch e := e.(type) {
			case engine.PeerJoined:
				names[e.Session] = e.Name
				order = append(order, e.Session)
			case engine.PeerLeft:
				delete(names, e.Session)
			default:
				continue
			}
			news.Reset(listPause)
		case <-news.C:
			list := netproto.SendNewUsers{Users: make([]string, 0, len(names))}
			kept := order[:0]
			for _, session := range order {
				if name, here := names[session]; here {
					kept, list.Users = append(kept, session), append(list.Users, name)
				}
			}
			order = kept
			err := say(conn, list)
			if err == nil && !greeted {
				greeted = true
				time.Sleep(listPause)
				err = say(conn, netproto.Session{Session: m.call.Session()})
			}
			if err != nil {
				end()
			}
		}
	}
}
