package relay

import (
	"slices"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rooms"
)

const (
	// packagePause is left between two packages to a client without VOICE:
	// those of TIP_Project take whatever one recv(1024) returns for one package.
	packagePause = 10 * time.Millisecond
	// lingerTime is how long a connection that the relay ends may go on
	// receiving, so that the last package is not lost to a reset.
	lingerTime = 500 * time.Millisecond
	// listRate bounds what a client without VOICE gets of user lists, in bytes per second: a storm of joins to a room of 60
	// sent each of them 1.6 Mbit/s, as every list is a whole one.
	listRate = 8 << 10
)

// outbox is what waits to be written to one client. Nobody ever waits for the
// client but a goroutine of its own, which exists only while there is
// something to write.
type outbox struct {
	// Static.
	client *client       // whose connection it writes to
	done   chan struct{} // closed when nothing will be written any more

	// The goroutine's own.
	told   rooms.Told // of the user list
	listAt time.Time  // no whole list goes before

	mu        sync.Mutex
	unsent    []outgoing
	bytes     int
	voice     bool // the client has VOICE: no packagePause, and user lists by differences
	writing   bool // the goroutine is there
	ending    bool // end the connection when all is written
	dismissed bool // and then do not wait for the client to end it
	failed    bool // too slow, or gone
	lost      bool // gone without a word: the kernel has given it up

	news chan struct{} // closed when there is more than the list that the goroutine holds back; nil: it holds none back
}

// outgoing is a package, or a place for the user list: what it takes to bring the
// client up to the newest one is found out when it is written.
type outgoing struct {
	data []byte
	list *rooms.Roster
}

// put takes a package, which must not be changed any more. A reader who is
// too slow loses its connection.
func (o *outbox) put(data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed || o.ending {
		return
	}
	o.unsent = append(o.unsent, outgoing{data: data})
	if o.bytes += len(data); o.bytes > o.client.server.cfg.MaxUnsent {
		o.failLocked()
		return
	}
	o.wakeLocked()
}

// tell takes a user list. It takes the place of an older one.
func (o *outbox) tell(list *rooms.Roster) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed || o.ending {
		return
	}
	if i := o.listLocked(); i >= 0 {
		o.unsent[i].list = list
	} else {
		o.unsent = append(o.unsent, outgoing{list: list})
	}
	o.wakeLocked()
}

// listLocked is where among them a user list stands, or -1.
func (o *outbox) listLocked() int {
	return slices.IndexFunc(o.unsent, func(g outgoing) bool { return g.list != nil })
}

// named takes what answers a name: the user list and then SESSION, in one, so that
// SESSION goes behind the list's first page.
func (o *outbox) named(voice bool, list *rooms.Roster, session []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed || o.ending {
		return
	}
	o.voice = voice
	o.unsent = append(o.unsent, outgoing{list: list}, outgoing{data: session})
	o.bytes += len(session)
	o.wakeLocked()
}

// end closes the connection for writing when everything is written; then done
// is closed, and what reads from the connection ends within lingerTime.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.failed && !o.ending {
		o.ending = true
		o.wakeLocked()
	}
}

// dismiss is end for a client that does not end the connection by itself, perhaps.
func (o *outbox) dismiss() {
	o.mu.Lock()
	o.dismissed = true
	o.mu.Unlock()
	o.end()
}

// gaveUp tells whether the kernel has given the client up.
func (o *outbox) gaveUp() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

func (o *outbox) wakeLocked() {
	if !o.writing {
		o.writing = true
		o.client.server.wg.Go(o.write)
	}
	o.rouseLocked()
}

func (o *outbox) rouseLocked() {
	if o.news != nil {
		close(o.news)
		o.news = nil
	}
}

// failLocked drops everything and ends the connection now, which wakes its
// reader too, or calls it from the parking.
func (o *outbox) failLocked() {
	if !o.failed {
		o.failed, o.unsent, o.bytes = true, nil, 0
		o.client.server.parking.hangUp(o.client) // not through TLS: closing that would write
		close(o.done)
		o.rouseLocked()
	}
}

// write is the goroutine: it writes until nothing is left.
func (o *outbox) write() {
	for {
		o.mu.Lock()
		if o.failed || len(o.unsent) == 0 && !o.ending {
			o.writing = false
			o.mu.Unlock()
			return
		}
		if len(o.unsent) == 0 {
			o.failed = true // from here on put and failLocked do nothing
			dismissed := o.dismissed
			o.mu.Unlock()
			if c, ok := o.client.conn.(closeWriter); ok {
				_ = c.CloseWrite()
			}
			_ = o.client.link.SetReadDeadline(time.Now().Add(lingerTime))
			close(o.done)
			if dismissed {
				time.Sleep(lingerTime)
				o.client.server.parking.hangUp(o.client)
			}
			return // writing stays set: nothing starts again
		}
		place, wait := o.nextLocked()
		if wait > 0 {
			news := make(chan struct{})
			o.news = news
			o.mu.Unlock()
			select {
			case <-news:
			case <-time.After(wait):
			}
			continue
		}
		data, list := o.unsent[place].data, o.unsent[place].list
		o.unsent = slices.Delete(o.unsent, place, place+1)
		o.bytes -= len(data)
		voice := o.voice
		if len(o.unsent) == 0 {
			o.unsent = nil // give the memory back
		}
		o.mu.Unlock()

		switch {
		case list != nil && voice:
			data = o.step(list)
		case list != nil:
			data = list.All()
			o.listAt = time.Now().Add(time.Duration(len(data)) * time.Second / listRate)
		}
		if len(data) == 0 {
			continue
		}
		_ = o.client.conn.SetWriteDeadline(time.Now().Add(o.client.server.cfg.WriteTimeout))
		if _, err := o.client.conn.Write(data); err != nil {
			o.mu.Lock()
			o.lost = gaveUp(err)
			o.failLocked()
			o.mu.Unlock()
			continue
		}
		if !voice {
			time.Sleep(packagePause)
		}
	}
}

// nextLocked is the place of what goes next, and how long it has to wait. A whole list whose time has not come lets what is
// behind it go first, but for the end.
func (o *outbox) nextLocked() (place int, wait time.Duration) {
	early := time.Until(o.listAt)
	switch {
	case o.voice || o.unsent[0].list == nil || o.ending || early <= 0:
		return 0, 0
	case len(o.unsent) > 1:
		return 1, 0
	}
	return 0, early
}

// step is the next package about a user list. If there are more, they wait behind
// what else there is.
func (o *outbox) step(list *rooms.Roster) []byte {
	data, then := list.Next(o.told)
	o.told = then
	o.mu.Lock()
	defer o.mu.Unlock()
	if then.More() && !o.failed && !o.ending && o.listLocked() < 0 {
		o.unsent = append(o.unsent, outgoing{list: list})
	}
	return data
}

type closeWriter interface{ CloseWrite() error }
