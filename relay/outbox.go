package relay

import (
	"sync"
	"time"
)

const (
	// packagePause is left between two packages to a client without VOICE:
	// those of TIP_Project take whatever one recv(1024) returns for one package.
	packagePause = 10 * time.Millisecond
	// lingerTime is how long a connection that the relay ends may go on
	// receiving, so that the last package is not lost to a reset.
	lingerTime = 500 * time.Millisecond
)

// outbox is what waits to be written to one client. Nobody ever waits for the
// client but a goroutine of its own, which exists only while there is
// something to write.
type outbox struct {
	// Static.
	client *client       // whose connection it writes to
	done   chan struct{} // closed when nothing will be written any more

	mu      sync.Mutex
	queue   []outgoing
	bytes   int
	paced   bool // leave packagePause between packages
	writing bool // the goroutine is there
	ending  bool // end the connection when all is written
	failed  bool // too slow, or gone
}

type outgoing struct {
	data []byte
	list bool // a user list: a newer one takes its place
}

// put queues a package, which must not be changed any more. A reader who is
// too slow loses its connection.
func (o *outbox) put(data []byte, list bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed || o.ending {
		return
	}
	replaced := false
	for i := range o.queue {
		if list && o.queue[i].list {
			o.bytes += len(data) - len(o.queue[i].data)
			o.queue[i].data = data
			replaced = true
			break
		}
	}
	if !replaced {
		o.queue = append(o.queue, outgoing{data, list})
		o.bytes += len(data)
	}
	if o.bytes > o.client.server.cfg.MaxQueue {
		o.failLocked()
		return
	}
	o.wakeLocked()
}

// pace sets whether packages are held apart.
func (o *outbox) pace(paced bool) {
	o.mu.Lock()
	o.paced = paced
	o.mu.Unlock()
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

func (o *outbox) wakeLocked() {
	if !o.writing {
		o.writing = true
		o.client.server.wg.Go(o.write)
	}
}

// failLocked drops everything and ends the connection now, which wakes its
// reader too, or calls it from the parking.
func (o *outbox) failLocked() {
	if !o.failed {
		o.failed, o.queue, o.bytes = true, nil, 0
		o.client.server.parking.hangUp(o.client) // not through TLS: closing that would write
		close(o.done)
	}
}

// write is the goroutine: it writes until the queue is empty.
func (o *outbox) write() {
	for {
		o.mu.Lock()
		if o.failed || len(o.queue) == 0 && !o.ending {
			o.writing = false
			o.mu.Unlock()
			return
		}
		if len(o.queue) == 0 {
			o.failed = true // from here on put and failLocked do nothing
			o.mu.Unlock()
			if c, ok := o.client.conn.(closeWriter); ok {
				_ = c.CloseWrite()
			}
			_ = o.client.link.SetReadDeadline(time.Now().Add(lingerTime))
			close(o.done)
			return // writing stays set: nothing starts again
		}
		data := o.queue[0].data
		o.queue = o.queue[1:]
		o.bytes -= len(data)
		pause := o.paced
		if len(o.queue) == 0 {
			o.queue = nil // give the memory back
		}
		o.mu.Unlock()

		_ = o.client.conn.SetWriteDeadline(time.Now().Add(o.client.server.cfg.WriteTimeout))
		if _, err := o.client.conn.Write(data); err != nil {
			o.mu.Lock()
			o.failLocked()
			o.mu.Unlock()
			continue
		}
		if pause {
			time.Sleep(packagePause)
		}
	}
}

type closeWriter interface{ CloseWrite() error }
