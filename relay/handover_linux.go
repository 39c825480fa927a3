package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tincan-voice/tincan/internal/udpio"
)

// A relay that is to take the place of another one, on the same port of the same machine, asks that one for its
// sockets:
//
//	new                                          old
//	connect to @tincan ADDR:PORT ------------->  the same user?
//	  <---------- half, TCP listener, UDP sockets
//	everything is ready: 1 byte -------------->  other UDP sockets (udpio.Part), no more connections
//	  <--------------------------------- 1 byte
//	serves                                       drains; its end closes the connection
//
// The name is an abstract one (unix(7)): it ends with the process, and is seen where its ports are.

const (
	// handoverTime is how long each end waits for the other one.
	handoverTime = 10 * time.Second
	// mostHanded is how many files one message takes (SCM_MAX_FD).
	mostHanded = 253
)

// handover is the old relay's end.
type handover struct{ *net.UnixListener }

func (s *Server) handoverName() *net.UnixAddr {
	return &net.UnixAddr{Name: "@tincan " + s.addr.String(), Net: "unix"}
}

// offerPlace has the relay wait for another one that is to take its place.
func (s *Server) offerPlace() {
	l, err := net.ListenUnix("unix", s.handoverName())
	if err != nil {
		s.log.Warn("no other tincand can take this one's place", "error", err)
		return
	}
	s.handover = handover{l}
}

func (h handover) close() {
	if h.UnixListener != nil {
		_ = h.Close()
	}
}

// awaitSuccessor is a goroutine.
func (s *Server) awaitSuccessor() {
	for s.handover.UnixListener != nil {
		conn, err := s.handover.AcceptUnix()
		if err != nil {
			return
		}
		err = s.handOver(conn)
		if err == nil {
			s.handover.close()
			s.log.Info("another relay takes this one's place")
			s.mu.Lock()
			s.successor = conn
			s.mu.Unlock()
			ring(s.changed)
			s.Drain(0, Next{})
			return
		}
		_ = conn.Close()
		s.log.Warn("another relay cannot take this one's place", "error", err)
	}
}

// handOver gives a relay the sockets, if it may have them and gets ready.
func (s *Server) handOver(conn *net.UnixConn) error {
	_ = conn.SetDeadline(time.Now().Add(handoverTime))
	through := make(chan struct{})
	defer close(through)
	s.wg.Go(func() {
		select {
		case <-s.stop: // who ends waits for nobody
			_ = conn.SetDeadline(time.Unix(1, 0))
		case <-through:
		}
	})
	if err := sameUser(conn); err != nil {
		return err
	}
	if s.predecessor.drains() {
		return errors.New("the one before is still draining")
	}
	handed, err := udpio.Files(s.udp)
	defer func() {
		for _, f := range handed {
			_ = f.Close()
		}
	}()
	if err != nil {
		return err
	}
	l, err := s.listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	handed = append([]*os.File{l}, handed...)
	if len(handed) > mostHanded {
		return fmt.Errorf("%d sockets are too many", len(handed))
	}
	half := byte(1)
	if s.upper {
		half = 0
	}
	if err := sendFiles(conn, half, handed); err != nil {
		return err
	}
	var ready [1]byte
	if _, err := io.ReadFull(conn, ready[:]); err != nil {
		return fmt.Errorf("it did not get ready: %w", err)
	}
	if err := udpio.Part(s.udp, steerOffset, s.upper); err != nil {
		return err
	}
	s.handover.close()
	_ = s.listener.Close()
	_, _ = conn.Write(ready[:]) // if it has ended by now, it was started as far as can be told
	return nil
}

// sendFiles sends a byte and files (SCM_RIGHTS, unix(7)). It leaves them as they are: File.Fd would make them block, here
// too, as the mode is that of the open socket and not of the descriptor (fcntl(2)).
func sendFiles(conn *net.UnixConn, word byte, files []*os.File) error {
	numbers := make([]int, len(files))
	for i, f := range files {
		raw, err := f.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { numbers[i] = int(fd) })
		}
		if err != nil {
			return err
		}
	}
	_, _, err := conn.WriteMsgUnix([]byte{word}, unix.UnixRights(numbers...), nil)
	return err
}

// takePlace asks the relay at s.addr for its sockets. It reports whether there is one.
func (s *Server) takePlace() (there bool, err error) {
	conn, err := net.DialUnix("unix", nil, s.handoverName())
	if errors.Is(err, syscall.ECONNREFUSED) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_ = conn.SetDeadline(time.Now().Add(handoverTime))
	handed, err := s.receive(conn)
	if err == nil {
		err = s.adopt(handed)
	}
	for _, f := range handed {
		_ = f.Close()
	}
	if err != nil {
		_ = conn.Close()
		return true, err
	}
	s.predecessor.follow(conn)
	return true, nil
}

// receive takes the sockets, the TCP listener first.
func (s *Server) receive(conn *net.UnixConn) (handed []*os.File, err error) {
	if err := sameUser(conn); err != nil {
		return nil, err
	}
	var half [1]byte
	rights := make([]byte, unix.CmsgSpace(4*mostHanded))
	_, n, _, _, err := conn.ReadMsgUnix(half[:], rights)
	if err != nil {
		return nil, fmt.Errorf("it does not hand its sockets over (%w): its log says why", err)
	}
	s.upper = half[0] == 1
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return nil, err
	}
	for i := range messages {
		numbers, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return handed, err
		}
		for _, fd := range numbers {
			handed = append(handed, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	if len(handed) < 2 {
		return handed, errors.New("it has handed too few sockets over")
	}
	return handed, nil
}

// adopt makes the sockets this relay's own.
func (s *Server) adopt(handed []*os.File) (err error) {
	if s.listener, err = net.FileListener(handed[0]); err != nil {
		return err
	}
	if s.udp, err = udpio.Adopt(handed[1:]); err != nil {
		for _, c := range s.udp {
			_ = c.Close()
		}
		return errors.Join(err, s.listener.Close())
	}
	return nil
}

// begin tells the relay whose place this one takes that everything is ready, and returns when that takes nobody in any
// more.
func (s *Server) begin() error {
	conn := s.predecessor.conn
	if conn == nil {
		return nil
	}
	var word [1]byte
	_, err := conn.Write(word[:])
	if err == nil {
		_, err = io.ReadFull(conn, word[:])
	}
	if err != nil {
		return fmt.Errorf("relay: the one that is there does not make room: %w", err)
	}
	return nil
}

// sameUser fails where the process at the other end is another user's.
func sameUser(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	outer := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(outer, err); err != nil {
		return err
	}
	if own := os.Geteuid(); int(peer.Uid) != own {
		return fmt.Errorf("it is user %d's, this one is user %d's: run both as one user", peer.Uid, own)
	}
	return nil
}
