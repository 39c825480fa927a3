package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"github.com/tincan-voice/tincan/internal/relay/rate"
	"github.com/tincan-voice/tincan/netproto"
)

// quicServer takes browsers' connections of QUIC, on a UDP port of its own:
//
//	Retry -> rate, ban -> handshake -> admission -> HTTP/3 -> /wt: a session (webtransport.go)
//
// Each is a client of the relay, and counts as one, from the end of its handshake to its own end.
type quicServer struct {
	server  *Server
	addr    netip.AddrPort
	socket  *net.UDPConn // nil: another program has the port
	failed  error        // why it has not been had at once
	port    atomic.Int32 // 0: not yet
	web     *webtransport.Server
	config  *quic.Config
	certs   shortCerts
	hands   *rate.Networks  // handshakes
	clients sync.Map        // *quic.Conn to *client
	streams atomic.Int32    // control connections
	closed  context.Context // that of Accept
	end     context.CancelFunc
}

const (
	// quicAgain is how often it is tried to get the port: the relay before this one may still have it.
	quicAgain = time.Second
	// quicWindow is how many bytes a stream, and all of a connection, may have unread: packages are small.
	quicWindow = 64 << 10
	// quicStreams is how many a browser may open: HTTP/3 takes four, and a client one or two.
	quicStreams = 10
	// webPath is where a session of WebTransport begins.
	webPath = "/wt"
)

// newQUICServer makes the one that Config has, with its port if that is free. nil: none.
func (s *Server) newQUICServer() *quicServer {
	if s.web == nil || s.cfg.Web.Port < 0 {
		return nil
	}
	port := uint16(s.cfg.Web.Port)
	if port == 0 && s.cfg.Addr.Port() != 0 {
		port = s.addr.Port() + 1 // 65536 is any
	}
	every := time.Second / time.Duration(namedShare*s.cfg.NamelessRate)
	q := &quicServer{server: s, addr: netip.AddrPortFrom(s.addr.Addr(), port), hands: rate.NewNetworks(every, namelessBurst)}
	q.closed, q.end = context.WithCancel(context.Background())
	q.config = &quic.Config{
		GetConfigForClient: q.greet, HandshakeIdleTimeout: s.cfg.LoginTimeout / 2, // in all, twice that
		InitialStreamReceiveWindow: quicWindow, MaxStreamReceiveWindow: quicWindow,
		InitialConnectionReceiveWindow: quicWindow, MaxConnectionReceiveWindow: quicWindow,
		MaxIncomingStreams: quicStreams, MaxIncomingUniStreams: quicStreams,
		InitialPacketSize: netproto.MaxDatagram, // until more is known of the path
		EnableDatagrams:   true, EnableStreamResetPartialDelivery: true,
	}
	mux := http.NewServeMux()
	mux.HandleFunc(webPath, q.upgrade)
	q.web = &webtransport.Server{CheckOrigin: sameHost, H3: &http3.Server{
		Handler: mux, MaxHeaderBytes: webHeader, IdleTimeout: s.cfg.LoginTimeout, Logger: slog.New(slog.DiscardHandler),
		ConnContext: func(ctx context.Context, conn *quic.Conn) context.Context {
			c, _ := q.clients.Load(conn)
			return context.WithValue(ctx, clientKey{}, c)
		},
	}}
	q.failed = q.listen()
	return q
}

func (q *quicServer) listen() error {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(q.addr))
	if err == nil {
		q.socket = socket
		q.port.Store(int32(addrPortOf(socket.LocalAddr()).Port()))
	}
	return err
}

// at is its port; 0: it has none.
func (q *quicServer) at() int {
	if q == nil {
		return 0
	}
	return int(q.port.Load())
}

// close ends one that does not run.
func (q *quicServer) close() {
	if q != nil && q.socket != nil {
		_ = q.socket.Close()
	}
}

// run is a goroutine.
func (q *quicServer) run() {
	if q == nil {
		return
	}
	defer q.close()
	if q.failed != nil {
		q.server.log.Warn("browsers have no datagrams yet: another program has their UDP port, perhaps the relay whose place this one takes",
			"port", q.addr.Port(), "error", q.failed)
	}
	for q.socket == nil {
		select {
		case <-q.server.stop:
			return
		case <-time.After(quicAgain):
			_ = q.listen()
		}
	}
	transport := &quic.Transport{
		Conn:                q.socket,
		VerifySourceAddress: func(net.Addr) bool { return true }, // who comes here has joined by TCP: it need not be at once
	}
	defer transport.Close()
	listener, err := transport.Listen(http3.ConfigureTLSConfig(&tls.Config{
		GetCertificate: q.certificate, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true,
	}), q.config)
	if err != nil {
		q.port.Store(0)
		q.server.log.Error("browsers have no datagrams", "error", err)
		return
	}
	q.server.wg.Go(func() {
		for {
			conn, err := listener.Accept(q.closed)
			if err != nil {
				return
			}
			q.server.wg.Go(func() { q.take(conn) })
		}
	})
	<-q.server.stop
	for end := time.Now().Add(closeTime); q.streams.Load() > 0 && time.Now().Before(end); { // they have a farewell to take
		time.Sleep(lingerTime / 10)
	}
	q.end()
	_ = q.web.Close()
	_ = listener.Close()
}

// greet is asked about each connection before anything is computed for it.
func (q *quicServer) greet(info *quic.ClientInfo) (*quic.Config, error) {
	s, from := q.server, addrPortOf(info.RemoteAddr).Addr()
	if s.banned(from, nil) != "" || !from.IsLoopback() && !q.hands.Allow(s.now(), from) {
		return nil, errNotNow
	}
	return q.config, nil
}

var errNotNow = errors.New("not now")

// certificate is that of the page's own name, or one that the page is told the hash of.
func (q *quicServer) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s := q.server
	if cert := s.renewal.get(hello.ServerName); cert != nil {
		return cert, nil
	}
	if s.cfg.CertFile != "" {
		return &s.identity.Load().cert, nil
	}
	current, _, err := q.certs.at(time.Now())
	if err != nil {
		return nil, err
	}
	return &current.cert, nil
}

// take is a connection's goroutine.
func (q *quicServer) take(conn *quic.Conn) {
	s := q.server
	c := &client{server: s, from: addrPortOf(conn.RemoteAddr()), tls: true, number: s.number.Add(1)}
	c.link.Conn = quicConn{conn: conn}
	if refusal := s.admit(c); refusal != "" {
		s.note(slog.LevelInfo, c.from.Addr(), "refused", "from", c.from, "reason", refusal)
		_ = conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad), refusal)
		return
	}
	q.clients.Store(conn, c)
	_ = q.web.ServeQUICConn(conn) // to its end
	q.clients.Delete(conn)
	c.close()
}

// quicConn is a connection as its client's link knows it, which only ever ends it.
type quicConn struct {
	net.Conn // nil
	conn     *quic.Conn
}

// Close implements net.Conn.
func (c quicConn) Close() error { return c.conn.CloseWithError(0, "") }

// streamConn is a control connection in a session of WebTransport.
type streamConn struct {
	*webtransport.Stream
	of   *webTransport
	once sync.Once
}

// LocalAddr implements net.Conn.
func (c *streamConn) LocalAddr() net.Addr { return c.of.session.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *streamConn) RemoteAddr() net.Addr { return c.of.session.RemoteAddr() }

// CloseWrite ends it towards the browser.
func (c *streamConn) CloseWrite() error { return c.Stream.Close() }

// Close implements net.Conn: both ways, at once.
func (c *streamConn) Close() error {
	c.once.Do(func() { c.of.count(-1) })
	c.CancelRead(0)
	c.CancelWrite(0)
	return nil
}

// sameHost tells whether a page that wants a session is the relay's own, as far as that can be told: its port is another
// one, and need not be the one that the relay knows.
func sameHost(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" { // no browser
		return true
	}
	page, err := url.Parse(origin)
	name := hostName(r.Host)
	return err == nil && name != "" && strings.EqualFold(hostName(page.Host), name) &&
		(page.Scheme == "https" || loopbackName(name))
}
