package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/access"
	"github.com/tincan-voice/tincan/internal/relay/rate"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/internal/udpio"
)

// Server is a relay with its sockets. Its goroutines, all joined by Serve:
//
//	accept     1               takes TCP connections
//	client     1 per client    shakes hands, then another reads packages; on Linux only
//	                           while there is something to read
//	parking    1               waits for all others' clients
//	writer     1 per client    only while its outbox is not empty
//	announcer  1               user lists and epochs, when Core says so
//	renew      1               gets certificates by ACME, where Config says so
//	keeper     1               writes bans and mutes down
//	worker     1 per socket    datagrams
//	tunnel     1 per tunnel    reads
//	back       1 per tunnel    while it leads to the relay whose place this one has taken
//	lane       1 per socket    what comes by tunnels, and what goes into them
//	successor  1               waits for a relay that is to take this one's place (Linux)
//	await      1               waits for the end of the relay whose place this one has taken
//	web        1               hands connections with browsers to net/http, where Config has a page
//	confer     1               talks with the other relays of a cluster, where there is one
//	quic       1               has the port of WebTransport, or waits for it
//	connection 1 per browser   there: waits for its session, then reads its datagrams; and one that writes them, and
//	                           one that takes its streams
//	journal    1               writes the log; left behind where that stands still
type Server struct {
	// Static.
	cfg         Config
	journal     journal
	log         *slog.Logger // into the journal: never waits
	core        *rooms.Core
	tls         *tls.Config
	listener    net.Listener
	addr        netip.AddrPort
	udp         []udpio.Conn
	start       time.Time
	admission   *admission
	parking     *parking
	lanes       []*tunnelLane // as many as sockets
	upper       bool          // its session IDs are in the upper half
	handover    handover
	predecessor predecessor
	mesh        *mesh // nil: alone

	web       *website    // nil: none
	quic      *quicServer // nil: none
	renewal   *renewal
	identity  atomic.Pointer[identity]      // replaced by Reload
	tokens    atomic.Pointer[access.Tokens] // the same; nil: nobody needs one
	sanctions access.Sanctions

	number atomic.Uint64 // of the last connection
	begun  atomic.Int64  // bytes of packages without their ends, of all clients

	turns chan struct{}  // has one in it for each handshake that is being computed
	door  chan struct{}  // and one for each who is being turned away
	told  *rate.Networks // how often those may be told why
	lines ration

	kick    chan struct{} // wakes the announcer
	changed chan struct{} // wakes the keeper
	stop    chan struct{} // closed by Close
	once    sync.Once     // of stop
	done    chan struct{} // closed when Serve has ended
	wg      sync.WaitGroup

	mu        sync.Mutex
	successor net.Conn // to the relay that takes this one's place, and ends with it; nil: none
	serving   bool
	closing   bool
	conns     map[*client]bool
	sessions  map[uint32]*client
	held      map[uint32]heldSession // those without a connection
	guests    map[uint32]guest       // all
	drain     *drain                 // nil: not yet
}

// Listen makes a relay that has its ports, TCP and UDP of the same number,
// but does not serve yet. Errors are ErrPortInUse or ErrConfig, wrapped, or say what is
// wrong with the certificate or the port.
func Listen(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := ensureCertificate(cfg); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, start: time.Now(), admission: newAdmission(cfg),
		turns: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		door:  make(chan struct{}, doorRoom), told: rate.NewNetworks(doorEvery, doorBurst), lines: newRation(),
		kick: make(chan struct{}, 1), changed: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		conns: make(map[*client]bool), sessions: make(map[uint32]*client), held: make(map[uint32]heldSession), guests: make(map[uint32]guest),
	}
	id, err := loadIdentity(cfg)
	if err != nil {
		return nil, err
	}
	s.identity.Store(id)
	if s.renewal, err = newRenewal(cfg); err != nil {
		return nil, err
	}
	tokens, err := loadTokens(cfg)
	if err != nil {
		return nil, err
	}
	s.tokens.Store(tokens)
	if s.web, err = s.newWebsite(); err != nil {
		return nil, err
	}
	s.tls = s.tlsConfig()
	if s.parking, err = newParking(func(c *client) { s.wg.Go(c.talk) }); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	if err := s.bind(); err != nil {
		s.parking.close()
		return nil, err
	}
	s.quic = s.newQUICServer()
	err = s.loadSanctions()
	if err == nil {
		err = s.begin()
	}
	if err != nil {
		s.closeSockets()
		return nil, err
	}
	s.journal = newJournal(cfg.Log.Handler())
	s.log = slog.New(journalHandler{s.journal, cfg.Log.Handler()})
	s.checkBuffer()
	s.core = rooms.NewCore(cfg.core(len(s.udp), s.upper))
	s.mesh = s.newMesh()
	for _, conn := range s.udp {
		s.lanes = append(s.lanes, s.newTunnelLane(conn))
	}
	s.offerPlace()
	return s, nil
}

// steerOffset is where datagrams have their session's ID.
const steerOffset = 1

// freeTries is how often a port that is free for both is looked for: where thousands of clients run beside, UDP has most of them.
const freeTries = 100

// bind takes the TCP port and then the same UDP port, from the relay that has them where Config.Replace is set. If any
// will do, one that is free for both is looked for.
func (s *Server) bind() error {
	if s.cfg.Replace {
		s.addr = s.cfg.Addr
		if there, err := s.takePlace(); err != nil {
			return fmt.Errorf("relay: cannot take the place of the relay on port %d: %w", s.addr.Port(), err)
		} else if there {
			return nil
		}
	}
	for try := 1; ; try++ {
		host := ""
		if a := s.cfg.Addr.Addr(); !a.IsUnspecified() || a.Is4() {
			host = a.String()
		}
		lc := net.ListenConfig{KeepAliveConfig: keepAlive}
		l, err := lc.Listen(context.Background(), "tcp", net.JoinHostPort(host, fmt.Sprint(s.cfg.Addr.Port())))
		if err != nil {
			return bindError("TCP", s.cfg.Addr, err)
		}
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		s.addr = netip.AddrPortFrom(s.cfg.Addr.Addr(), port)
		s.udp, err = udpio.Listen(s.addr, udpio.Options{Sockets: s.cfg.Workers, SteerOffset: steerOffset})
		if err == nil {
			s.listener = l
			return nil
		}
		_ = l.Close()
		if s.cfg.Addr.Port() != 0 || try == freeTries {
			return bindError("UDP", s.addr, err)
		}
	}
}

// checkBuffer warns of a receive buffer in which a flood, or a moment without a core,
// leaves no room for voice.
func (s *Server) checkBuffer() {
	if n := udpio.ReceiveBuffer(s.udp[0]); n > 0 && n < udpio.SocketBuffer {
		s.log.Warn("the kernel gives UDP sockets a small receive buffer, which overflows in bursts: "+
			"raise net.core.rmem_max, or grant CAP_NET_ADMIN", "bytes", n, "wanted", udpio.SocketBuffer)
	}
}

func bindError(network string, addr netip.AddrPort, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("relay: %s port %d: %w by another program", network, addr.Port(), ErrPortInUse)
	}
	return fmt.Errorf("relay: %s port %d: %w", network, addr.Port(), err)
}

// Addr is the address that the relay listens on, with its real port.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Fingerprint is the relay's public key as clients pin it: "SHA256:" and the
// unpadded base64 of the SHA-256 of the certificate's SubjectPublicKeyInfo.
func (s *Server) Fingerprint() string { return s.identity.Load().fingerprint }

// Reload reads the certificate and its key anew, and the tokens: who connects from now on gets the new
// certificate, calls go on, and those whose token is not good any more are sent away. After an error all stays as it was:
// ErrConfig where the files cannot be read again or make no sense, or one of the operating system, wrapped.
func (s *Server) Reload() error {
	for _, name := range certFiles(s.cfg) {
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("relay: %w: certificate: %s is no regular file, which could be read again", ErrConfig, name)
		}
	}
	id, err := loadIdentity(s.cfg)
	if err != nil {
		return err
	}
	tokens, err := loadTokens(s.cfg)
	if err != nil {
		return err
	}
	s.identity.Store(id)
	s.tokens.Store(tokens)
	s.reviewTokens()
	return nil
}

func (s *Server) now() time.Duration { return time.Since(s.start) }

// Serve runs the relay until ctx ends, Close is called or it is drained; then it tells every
// client SERVER_CLOSE, waits a moment for them to take it, and returns when
// all goroutines have ended. After Close it returns at once. A second call is ErrServing.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	again, closed := s.serving, s.closing
	s.serving = !closed
	s.mu.Unlock()
	switch {
	case again:
		return ErrServing
	case closed:
		return nil
	}
	defer close(s.done)

	for i, conn := range s.udp {
		s.wg.Go(func() { s.work(conn) })
		s.wg.Go(s.lanes[i].run)
	}
	s.wg.Go(s.accept)
	s.wg.Go(s.announce)
	if s.mesh != nil {
		s.wg.Go(s.confer)
	}
	s.wg.Go(s.renew)
	s.wg.Go(s.awaitSuccessor)
	s.wg.Go(s.awaitPredecessor)
	s.wg.Go(s.keep)
	s.wg.Go(s.parking.run)
	s.wg.Go(s.web.run)
	s.wg.Go(s.quic.run)
	select {
	case <-ctx.Done():
	case <-s.stop:
	}
	s.shutdown()
	return nil
}

// Close ends Serve and waits for it.
func (s *Server) Close() error {
	s.end()
	s.mu.Lock()
	serving := s.serving
	s.closing = true
	s.mu.Unlock()
	if serving {
		<-s.done
		return nil
	}
	s.closeSockets()
	s.journal.close()
	return nil
}

// closeTime is how long the clients have to take the SERVER_CLOSE.
const closeTime = 2 * time.Second

// shutdown ends everything, in this order: no new connections; the farewell;
// the connections; the announcer; the workers.
func (s *Server) shutdown() {
	_ = s.listener.Close()
	s.handover.close()
	s.mu.Lock()
	s.closing = true
	if s.drain != nil {
		s.drain.timer.Stop()
	}
	farewell := appendPackage(s.farewellLocked())
	for c := range s.conns {
		if c.out != nil {
			c.out.put(farewell)
			c.out.end()
		} else {
			_ = c.link.Close()
		}
	}
	s.mu.Unlock()
	s.parking.close() // all of them wait by themselves now
	late := time.AfterFunc(closeTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			s.parking.hangUp(c)
		}
	})
	defer late.Stop()
	s.end()
	for _, conn := range s.udp {
		_ = conn.Close()
	}
	s.predecessor.close()
	s.wg.Wait()
	if s.successor != nil {
		_ = s.successor.Close()
	}
	s.journal.close()
}

// closeSockets takes down what Listen has made.
func (s *Server) closeSockets() {
	s.parking.close()
	s.handover.close()
	_ = s.listener.Close()
	for _, conn := range s.udp {
		_ = conn.Close()
	}
	s.quic.close()
	s.predecessor.close()
}

// accept is a goroutine.
func (s *Server) accept() {
	var failed faults
	for {
		conn, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			if times, ok := failed.say(s.now()); ok {
				s.log.Warn("cannot take connections; calls go on"+remedy(err), "error", err, "times", times)
			}
			time.Sleep(faultPause)
			continue
		}
		c := &client{server: s, from: addrPortOf(conn.RemoteAddr()), link: link{Conn: conn}, number: s.number.Add(1)}
		if refusal := s.admit(c); refusal != "" {
			s.turnAway(c, refusal)
			continue
		}
		if k, ok := conn.(keepAliver); ok { // a listener that was handed over has other times
			_ = k.SetKeepAliveConfig(keepAlive)
		}
		if b, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
			_ = b.SetWriteBuffer(s.cfg.MaxUnsent) // else the kernel keeps megabytes for who does not read
		}
		s.list(c)
		s.wg.Go(c.serve)
	}
}

// admit lets a connection in, or says why it may not come.
func (s *Server) admit(c *client) (refusal string) {
	if refusal = s.banned(c.from.Addr(), nil); refusal == "" {
		c.entry, refusal = s.admission.enter(s.now(), c.from.Addr(), func() { _ = c.link.Close() })
	}
	return refusal
}

// list has the end of the relay end a connection.
func (s *Server) list(c *client) {
	s.mu.Lock()
	s.conns[c] = true
	s.mu.Unlock()
}

// remedy says what helps against an error that lasts, as far as it is known.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return ": each takes a file, and this process may have no more: raise its limit (ulimit -n, or LimitNOFILE= of systemd)"
	case errors.Is(err, syscall.ENFILE):
		return ": each takes a file, and this machine may have no more: raise fs.file-max"
	}
	return ""
}

func addrPortOf(a net.Addr) netip.AddrPort {
	ap := a.(interface{ AddrPort() netip.AddrPort }).AddrPort() // of TCP or UDP
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
