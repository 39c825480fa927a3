package relay

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// parking is where control connections wait for their clients' next words
// without a goroutine each: a stack is more than all the rest that an idle
// client costs. One epoll set holds them; who is called is taken out of it and
// goes on in a goroutine of its own, until it parks again.
type parking struct {
	resume func(*client) // starts a client's goroutine
	file   *os.File      // the epoll set, itself in the runtime's poller
	raw    syscall.RawConn

	mu     sync.Mutex
	closed bool
	parked map[int32]*client // by file descriptor
}

// parkEvents is how many clients one system call reports.
const parkEvents = 256

func newParking(resume func(*client)) (*parking, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(fd, true) // for the runtime's poller
	}
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	p := &parking{resume: resume, file: os.NewFile(uintptr(fd), "epoll"), parked: make(map[int32]*client)}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	return p, nil
}

// park takes a client whose connection has nothing to read. If it reports
// false the client must wait by itself.
func (p *parking) park(c *client) (parked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	err := c.link.control(func(fd uintptr) error {
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
		op := unix.EPOLL_CTL_MOD // what has come by now is reported at once
		if !c.known {
			op = unix.EPOLL_CTL_ADD
		}
		if err := p.control(op, int(fd), &e); err != nil {
			return err
		}
		c.known = true
		c.place = e.Fd
		p.parked[e.Fd] = c
		return nil
	})
	return err == nil
}

func (p *parking) control(op, fd int, e *unix.EpollEvent) (err error) {
	outer := p.raw.Control(func(ep uintptr) { err = unix.EpollCtl(int(ep), op, fd, e) })
	if outer != nil {
		return outer
	}
	return err
}

// hangUp closes a client's connection and makes it go on, if it is parked.
func (p *parking) hangUp(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = c.link.Close() // under the lock: else its number might be another one's before it is called
	if p.parked[c.place] == c {
		p.callLocked(c.place)
	}
}

func (p *parking) callLocked(place int32) {
	if c := p.parked[place]; c != nil {
		delete(p.parked, place)
		p.resume(c)
	}
}

// run is the goroutine that calls whoever's client has said something. It ends
// with close.
func (p *parking) run() {
	events := make([]unix.EpollEvent, parkEvents)
	for {
		n := 0
		err := p.raw.Read(func(ep uintptr) (done bool) {
			var err error
			n, err = unix.EpollWait(int(ep), events, 0)
			return n > 0 && err == nil
		})
		if err != nil {
			return
		}
		p.mu.Lock()
		for _, e := range events[:n] {
			p.callLocked(e.Fd) // at worst a newer client with this number, who then reads nothing
		}
		p.mu.Unlock()
	}
}

// close calls everybody; from now on nobody is parked.
func (p *parking) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	for place := range p.parked {
		p.callLocked(place)
	}
	_ = p.file.Close()
}
