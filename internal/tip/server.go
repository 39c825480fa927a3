package tip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// nameTime is how long a client may take to say its name, and wordTime how long it may take to read a package.
	nameTime = 10 * time.Second
	wordTime = 2 * time.Second
	// listPause is left between two lists: the client takes what one recv(1024) brings for whole packages.
	listPause = 100 * time.Millisecond
	// mostClients bounds who may be there: each is a member of the room with coders of its own. Those who have not said
	// their name are counted apart, so that they keep nobody out, and all of one address (IPv6: network) together.
	mostClients = 16
	mostWaiting = 64
	mostOfOne   = 8
	// warnPause is left between two warnings of clients.
	warnPause = 5 * time.Second
)

// Config says what a Server is between.
type Config struct {
	Listen netip.AddrPort // TCP and UDP; port 0: any free one
	// Join is the call of each client, but for Name, Source and Sink.
	Join engine.Config
	Log  *slog.Logger
}

// Server is a bridge. Use Listen.
type Server struct {
	cfg Config
	tcp net.Listener
	udp *net.UDPConn
	wg  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	named   int
	waiting int                // for a name
	from    map[netip.Addr]int // both
	warned  time.Time
	members map[netip.AddrPort]*member // by where their sound comes from
}

// Listen opens the ports. Errors are those of package net, and of engine.Config.Validate.
func Listen(cfg Config) (*Server, error) {
	try := cfg.Join
	try.Name = "tip"
	if err := try.Validate(); err != nil {
		return nil, err
	}
	tcp, err := net.Listen("tcp", cfg.Listen.String())
	if err != nil {
		return nil, fmt.Errorf("tip: %w", err)
	}
	s := &Server{cfg: cfg, tcp: tcp, members: map[netip.AddrPort]*member{}, from: map[netip.Addr]int{}}
	if s.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.Addr())); err != nil {
		tcp.Close()
		return nil, fmt.Errorf("tip: %w", err)
	}
	return s, nil
}

// Addr is where the server listens, with its real port.
func (s *Server) Addr() netip.AddrPort { return s.tcp.Addr().(*net.TCPAddr).AddrPort() }

// Serve serves until ctx ends, and returns when all clients have been told and everything has ended.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.tcp.Close(); s.udp.Close() })
	defer stop()
	s.wg.Go(s.listen)
	defer s.wg.Wait()
	for {
		conn, err := s.tcp.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // too many files, for example
			time.Sleep(listPause)
			continue
		}
		home := homeOf(conn)
		if !s.enter(home) {
			s.warn("too many connections", "from", conn.RemoteAddr())
			_ = say(conn, netproto.ServerClose{}) // finds room: nothing has been written before it
			conn.Close()
			continue
		}
		s.wg.Go(func() { s.serve(ctx, conn, home) })
	}
}

// listen takes the sound of all clients.
func (s *Server) listen() {
	buf := make([]byte, datagram)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		s.mu.Lock()
		m := s.members[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]
		s.mu.Unlock()
		if err == nil && m != nil {
			m.says.put(buf[:n])
		}
	}
}

// homeOf is what a client is counted by: its address, or its network of IPv6.
func homeOf(conn net.Conn) netip.Addr {
	home := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap().WithZone("")
	if home.Is6() {
		return netip.PrefixFrom(home, 64).Masked().Addr()
	}
	return home
}

// enter counts a client without a name, if there is room for it.
func (s *Server) enter(home netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting >= mostWaiting || s.from[home] >= mostOfOne {
		return false
	}
	s.waiting++
	s.from[home]++
	return true
}

// promote counts a client that has said its name, if there is room for it.
func (s *Server) promote() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.named >= mostClients {
		return false
	}
	s.named++
	s.waiting--
	return true
}

// exit takes that a client has gone.
func (s *Server) exit(home netip.Addr, named bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if named {
		s.named--
	} else {
		s.waiting--
	}
	if s.from[home]--; s.from[home] == 0 {
		delete(s.from, home)
	}
}

// warn logs what clients cause, but not as often as they like.
func (s *Server) warn(text string, args ...any) {
	s.mu.Lock()
	now := time.Now()
	due := now.Sub(s.warned) >= warnPause
	if due {
		s.warned = now
	}
	s.mu.Unlock()
	if due {
		s.cfg.Log.Warn(text, args...)
	}
}

// serve is a client's connection, from its name to its end.
func (s *Server) serve(ctx context.Context, conn net.Conn, home netip.Addr) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	s.wg.Go(func() {
		<-ctx.Done()
		_ = say(conn, netproto.ServerClose{}) // without it their client takes the end for an empty package, again and again
		conn.Close()
	})
	named := false
	defer func() { s.exit(home, named) }()
	_ = conn.SetReadDeadline(time.Now().Add(nameTime))
	var m *member
	defer func() {
		if m != nil {
			s.place(m, netip.AddrPort{})
			m.call.Leave()
			<-m.told
		}
	}()
	packages(conn, func(p netproto.Package) bool {
		switch p := p.(type) {
		case netproto.SendNickname:
			if m != nil {
				break
			}
			if named = s.promote(); !named {
				s.warn("too many clients", "from", conn.RemoteAddr(), "most", mostClients)
				return false
			}
			var err error
			if m, err = s.join(ctx, conn, p.Name, end); err != nil {
				s.warn("not let in", "name", netproto.CleanName(p.Name), "from", conn.RemoteAddr(), "error", err)
				return false
			}
			_ = conn.SetReadDeadline(time.Time{})
		case netproto.ClientPort:
			if m != nil {
				s.place(m, netip.AddrPortFrom(conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap(), uint16(p.Port)))
			}
		case netproto.Disconnect:
			return false
		}
		return true
	})
	if m != nil {
		s.cfg.Log.Info("left", "name", m.name, "error", m.call.Err())
	}
}

// packages reads what a client says until it has gone or take has had enough. What makes no sense is passed over.
func packages(conn net.Conn, take func(netproto.Package) bool) {
	var dec netproto.Decoder
	buf := make([]byte, 1024)
	for {
		p, err := dec.Next()
		var bad *netproto.PackageError
		switch {
		case err == nil:
			if !take(p) {
				return
			}
			continue
		case errors.As(err, &bad):
			continue
		case !errors.Is(err, netproto.ErrNeedMore):
			return
		}
		n, err := conn.Read(buf)
		if n == 0 && err != nil {
			return
		}
		dec.Write(buf[:n])
	}
}

// say writes a package, unless that takes too long.
func say(conn net.Conn, p netproto.Package) error {
	b, err := netproto.AppendPackage(nil, p)
	if err == nil {
		_ = conn.SetWriteDeadline(time.Now().Add(wordTime))
		_, err = conn.Write(b)
	}
	return err
}

// place says where a client's sound comes from and goes to; the zero value: nowhere. Where another's does, and where we
// are ourselves, it cannot be.
func (s *Server) place(m *member, at netip.AddrPort) {
	own := at.Port() == s.Addr().Port() && ours(at.Addr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.members[at]; own || other != nil && other != m {
		return
	}
	if was := m.at.Load(); was != nil && s.members[*was] == m {
		delete(s.members, *was)
	}
	m.at.Store(&at)
	if at.Port() > 0 {
		s.members[at] = m
	}
}

// ours tells whether an address is one of this machine.
func ours(addr netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	return err != nil || addr.IsLoopback() || slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr() == addr.WithZone("")
	})
}

// join makes a client a member of the room.
func (s *Server) join(ctx context.Context, conn net.Conn, name string, end func()) (*member, error) {
	says, err := newIntake()
	if err != nil {
		return nil, err
	}
	m := &member{name: netproto.CleanName(name), says: says, told: make(chan struct{})}
	hears, err := newOutlet(func(d []byte) {
		if at := m.at.Load(); at != nil && at.Port() > 0 {
			_, _ = s.udp.WriteToUDPAddrPort(d, *at)
		}
	})
	if err != nil {
		return nil, err
	}
	cfg := s.cfg.Join
	cfg.Name, cfg.Source, cfg.Sink = name, audio.PacedSource(says), audio.PacedSink(hears)
	if m.call, err = engine.Join(ctx, cfg); err != nil {
		return nil, err
	}
	s.cfg.Log.Info("joined", "name", m.name, "from", conn.RemoteAddr())
	s.wg.Go(func() { m.tell(conn, end) })
	return m, nil
}
