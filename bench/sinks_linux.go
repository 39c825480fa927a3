//go:build cgo

package bench

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tincan-voice/tincan/netproto"
)

// sinks are the sockets of many listeners. One thread empties them all every
// sinkPause, and takes the kernel's own note of when each datagram came: so
// nobody is woken for a datagram, and a late reader is no delay.
type sinks struct {
	fds   []int
	addrs []netip.AddrPort

	packets    atomic.Int64
	deliveries atomic.Int64 // datagrams of voice, those in bundles too
	bytes      atomic.Int64 // of IP packets
	stop       atomic.Bool
	done       sync.WaitGroup

	// The thread's own until done.
	arrivals []arrival
	hdrs     [64]unix.Mmsghdr
	iovs     [64]unix.Iovec
	bufs     [64][1500]byte
	oobs     [64][64]byte
	items    [][]byte
}

// arrival is when a datagram came to one listener.
type arrival struct {
	key  uint64 // session and number
	came int64  // ns since 1970
}

func arrivalKey(session, seq uint32) uint64 { return uint64(session)<<32 | uint64(seq) }

const (
	sinkPause  = 2 * time.Millisecond
	ipv4Header = 28 // IP and UDP
)

// udpSocket is a blocking IPv4 socket on loopback.
func udpSocket() (fd int, addr netip.AddrPort, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return
	}
	in4 := sa.(*unix.SockaddrInet4)
	return fd, netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), uint16(in4.Port)), nil
}

func newSinks(n int) (*sinks, error) {
	s := &sinks{}
	for range n {
		fd, addr, err := udpSocket()
		if err != nil {
			s.close()
			return nil, err
		}
		s.fds, s.addrs = append(s.fds, fd), append(s.addrs, addr)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			s.close()
			return nil, err
		}
	}
	for i := range s.hdrs {
		s.iovs[i] = unix.Iovec{Base: &s.bufs[i][0], Len: uint64(len(s.bufs[i]))}
		s.hdrs[i].Hdr = unix.Msghdr{Iov: &s.iovs[i], Iovlen: 1, Control: &s.oobs[i][0]}
	}
	return s, nil
}

func (s *sinks) close() {
	for _, fd := range s.fds {
		_ = unix.Close(fd)
	}
}

// run empties the sockets until halt, and counts what comes from now on.
func (s *sinks) run() {
	s.drain()
	s.arrivals = s.arrivals[:0]
	s.packets.Store(0)
	s.deliveries.Store(0)
	s.bytes.Store(0)
	s.stop.Store(false)
	s.done.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for !s.stop.Load() {
			s.drain()
			nanosleep(sinkPause)
		}
		s.drain()
	})
}

func (s *sinks) halt() {
	s.stop.Store(true)
	s.done.Wait()
}

func (s *sinks) drain() {
	for _, fd := range s.fds {
		for {
			for i := range s.hdrs {
				s.hdrs[i].Hdr.Controllen = uint64(len(s.oobs[i]))
			}
			n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&s.hdrs[0])),
				uintptr(len(s.hdrs)), unix.MSG_DONTWAIT, 0, 0)
			if errno != 0 {
				break
			}
			for i := range int(n) {
				s.take(s.bufs[i][:s.hdrs[i].Len], s.oobs[i][:s.hdrs[i].Hdr.Controllen])
			}
			if int(n) < len(s.hdrs) {
				break
			}
		}
	}
}

func (s *sinks) take(d, oob []byte) {
	s.items = append(s.items[:0], d)
	if t, _ := netproto.DatagramType(d); t == netproto.TypeBundle {
		s.items, _ = netproto.ParseBundle(s.items[:0], d)
	}
	var came int64
	if len(oob) >= unix.SizeofCmsghdr+16 { // struct timespec
		ts := oob[unix.SizeofCmsghdr:]
		came = int64(binary.NativeEndian.Uint64(ts))*int64(time.Second) + int64(binary.NativeEndian.Uint64(ts[8:]))
	}
	n := 0
	for _, it := range s.items {
		if h, err := netproto.ParseHeader(it); err == nil && h.Type == netproto.TypeVoice {
			s.arrivals = append(s.arrivals, arrival{arrivalKey(h.Session, h.Seq), came})
			n++
		}
	}
	if n > 0 {
		s.packets.Add(1)
		s.deliveries.Add(int64(n))
		s.bytes.Add(int64(len(d) + ipv4Header))
	}
}

// cpuTime reads a CPU clock.
func cpuTime(clock int32) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		panic(err) // the clocks exist
	}
	return time.Duration(ts.Nano())
}

// nanosleep sleeps on the thread, without the scheduler of Go.
func nanosleep(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil)
}
