package udpio

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Two programs share a port for a while, as the old one hands its sockets to the new one and goes on with others, its
// twins. All are in one group, the twins behind: so when they close, the order of the rest stays.
//
//	group    0 ... n-1   n ... 2n-1
//	         handed on   twins
//	gets     the new     the old one's datagrams, by the highest bit of their numbers

// partTime bounds how long Part waits for the readers.
const partTime = time.Second

func files(conns []Conn) (files []*os.File, err error) {
	for _, c := range conns {
		m, ok := c.(*mmsgConn)
		if !ok {
			return files, errors.ErrUnsupported
		}
		if !m.enter() {
			return files, ErrClosed
		}
		fd, err := unix.FcntlInt(uintptr(m.fd), unix.F_DUPFD_CLOEXEC, 0)
		m.exit()
		if err != nil {
			return files, os.NewSyscallError("fcntl", err)
		}
		files = append(files, os.NewFile(uintptr(fd), "udp"))
	}
	return files, nil
}

func adopt(files []*os.File) (conns []Conn, err error) {
	for _, f := range files {
		raw, err := f.SyscallConn()
		if err != nil {
			return conns, err
		}
		var c *mmsgConn
		outer := raw.Control(func(fd uintptr) {
			own, failed := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
			if err = os.NewSyscallError("fcntl", failed); err == nil {
				_ = unix.SetNonblock(own, true)
				c, err = connOf(own)
			}
		})
		if err = errors.Join(outer, err); err != nil {
			return conns, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func part(conns []Conn, offset int, upper bool) error {
	twins := make([]int, 0, len(conns))
	fail := func(err error) error {
		for _, fd := range twins {
			_ = unix.Close(fd)
		}
		return err
	}
	for _, c := range conns {
		m, ok := c.(*mmsgConn)
		if !ok {
			return fail(errors.ErrUnsupported)
		}
		if err := unix.SetsockoptInt(m.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return fail(os.NewSyscallError("setsockopt SO_REUSEPORT", err))
		}
		fd, err := bindSocket(c.LocalAddr(), true)
		if err != nil {
			return fail(err)
		}
		twins = append(twins, fd)
	}
	if err := steerHalves(conns[0].(*mmsgConn), uint32(len(conns)), uint32(offset), upper); err != nil {
		return fail(os.NewSyscallError("setsockopt SO_ATTACH_REUSEPORT_CBPF", err))
	}
	for i, c := range conns {
		m := c.(*mmsgConn)
		m.twin.Store(int64(twins[i]) + 1)
		_ = m.file.SetReadDeadline(time.Unix(1, 0)) // wakes Read
	}
	for end := time.Now().Add(partTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
		waits := false
		for _, c := range conns {
			waits = waits || c.(*mmsgConn).twin.Load() != 0
		}
		if !waits {
			break
		}
	}
	return nil
}

// steerHalves is steer for two programs: numbers with the highest bit set, or without, are for the n twins.
func steerHalves(c *mmsgConn, n, offset uint32, upper bool) error {
	bitSet, bitClear := uint8(3), uint8(0) // how many instructions are left out
	if upper {
		bitSet, bitClear = 0, 3
	}
	return attach(c, []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 1 << 31, Jt: bitSet, Jf: bitClear},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: n},
		{Code: unix.BPF_ALU | unix.BPF_ADD | unix.BPF_K, K: n},
		{Code: unix.BPF_RET | unix.BPF_A},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: n},
		{Code: unix.BPF_RET | unix.BPF_A},
	})
}
