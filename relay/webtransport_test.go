package relay

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/netproto"
)

// testWeb is a browser's end of a session of WebTransport.
type testWeb struct {
	t       *testing.T
	session *webtransport.Session
	shown   []byte // the relay's certificate
}

func dialWeb(s *Server, origin string) (w *testWeb, status int, err error) {
	w = new(testWeb)
	dialer := webtransport.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3},
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error { w.shown = raw[0]; return nil },
	}}
	ctx, cancel := context.WithTimeout(context.Background(), inTime)
	defer cancel()
	resp, session, err := dialer.Dial(ctx, fmt.Sprintf("https://127.0.0.1:%d/wt", s.quic.at()), http.Header{"Origin": {origin}}) //nolint:bodyclose // it is the session
	if resp != nil {
		status = resp.StatusCode
	}
	w.session = session
	return w, status, err
}

// openWeb opens a session from the relay's own page.
func openWeb(t *testing.T, s *Server) *testWeb {
	t.Helper()
	w, _, err := dialWeb(s, fmt.Sprintf("https://127.0.0.1:%d", s.Addr().Port()))
	if err != nil {
		t.Fatal(err)
	}
	w.t = t
	t.Cleanup(w.close)
	return w
}

func (w *testWeb) close() { _ = w.session.CloseWithError(0, "") }

func (w *testWeb) write(d []byte) {
	w.t.Helper()
	if err := w.session.SendDatagram(d); err != nil {
		w.t.Fatal(err)
	}
}

func (w *testWeb) read(wait time.Duration) []byte {
	ctx, cancel := context.WithTimeout(w.session.Context(), wait)
	defer cancel()
	d, _ := w.session.ReceiveDatagram(ctx)
	return d
}

// closed waits until the relay has ended the session.
func (w *testWeb) closed() {
	w.t.Helper()
	select {
	case <-w.session.Context().Done():
	case <-time.After(inTime):
		w.t.Error("the relay leaves the session open")
	}
}

// webStream is a stream as a connection.
type webStream struct {
	*webtransport.Stream
	session *webtransport.Session
}

// Read tells of the end apart from the last bytes, as TCP does.
func (s webStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (s webStream) LocalAddr() net.Addr  { return s.session.LocalAddr() }
func (s webStream) RemoteAddr() net.Addr { return s.session.RemoteAddr() }

func (w *testWeb) control() *tipClient {
	w.t.Helper()
	stream, err := w.session.OpenStream()
	if err != nil {
		w.t.Fatal(err)
	}
	return &tipClient{t: w.t, conn: webStream{stream, w.session}}
}

// joinWeb logs in by a stream and has voice by datagrams, all in one session.
func joinWeb(t *testing.T, s *Server, room, name string) *voiceClient {
	t.Helper()
	w := openWeb(t, s)
	c := logIn(t, s, w.control(), room, name)
	c.web = w
	c.settle()
	return c
}

// converse: everybody says something, and everybody else hears it. What is lost on the way, as on a busy machine, is said
// again.
func converse(t *testing.T, clients ...*voiceClient) {
	t.Helper()
	for range 20 {
		said := make(map[string]*voiceClient)
		for _, c := range clients {
			said[string(c.say("words"))] = c
		}
		missing := false
		for _, c := range clients {
			heard := map[*voiceClient]bool{c: true}
			for len(heard) < len(clients) {
				d := c.read(2 * time.Second)
				if d == nil {
					missing = true
					break
				}
				items := [][]byte{d}
				if kind, _ := netproto.DatagramType(d); kind == netproto.TypeBundle {
					items, _ = netproto.ParseBundle(nil, d)
				}
				for _, item := range items {
					if from := said[string(item)]; from != nil {
						heard[from] = true
					}
				}
			}
		}
		if !missing {
			return
		}
	}
	t.Fatal("somebody does not hear somebody")
}

// A browser has its control connection and its datagrams in one session, beside others who have them elsewhere.
func TestWebTransport(t *testing.T) {
	t.Parallel()
	s := startServer(t, webConfig())
	about := s.about(t)
	if about.QUIC != s.quic.at() || about.QUIC == 0 || len(about.Hashes) != 2 {
		t.Fatal(about)
	}
	native, socket := joinVoice(t, s, "", "native"), joinSocket(t, s, "", "socket")
	web, other := joinWeb(t, s, "", "web"), joinWeb(t, s, "", "other")
	sum := sha256.Sum256(web.web.shown)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != about.Hashes[0] {
		t.Errorf("a certificate of hash %s; the page is told %v", got, about.Hashes)
	}
	clients := []*voiceClient{native, socket, web, other}
	for range 20 {
		converse(t, clients...)
	}
	within(t, "none counts as without a name", func() bool {
		converse(t, clients...)
		s.admission.mu.Lock()
		defer s.admission.mu.Unlock()
		return s.admission.waiting.Len() == 0
	})
	// It goes over to the tunnel and back, as when UDP is cut.
	for range 3 {
		old := web.web
		web.web = nil
		web.enterSocket(s)
		old.close()
		converse(t, clients...)
		web.web = openWeb(t, s)
		web.settle()
		_ = web.tunnel.conn.Close()
		web.tunnel = nil
		converse(t, clients...)
	}
}

// A connection that is lost, with its session, is resumed by another.
func TestWebTransportResume(t *testing.T) {
	s := startServer(t, webConfig())
	b, a := joinVoice(t, s, "", "b"), joinWeb(t, s, "", "a")
	a.web.close()
	within(t, "it is held", func() bool { return s.isHeld(a.session) })
	text, err := netproto.AppendPackage(nil, a.nickname())
	if err != nil {
		t.Fatal(err)
	}
	a.web = openWeb(t, s)
	again := a.web.control()
	again.send(string(text))
	again.want(3)
	if got := uint32(again.want(6)["SESSION"].(float64)); got != a.session {
		t.Errorf("session %d, was %d", got, a.session)
	}
	a.settle()
	converse(t, a, b)
}

// What is too long for a packet of QUIC goes in parts, where it has any.
func TestWebTransportBundles(t *testing.T) {
	cfg := webConfig()
	cfg.Addr, cfg.StateDir = netip.MustParseAddrPort("127.0.0.1:0"), t.TempDir()
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.quic.config.DisablePathMTUDiscovery = true
	sessions := make(chan *webtransport.Session, 1)
	s.quic.web.H3.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := s.quic.web.Upgrade(w, r)
		if err != nil {
			t.Error(err)
		}
		sessions <- session
	})
	serve(t, s)
	w := openWeb(t, s)
	to := &webTransport{session: <-sessions}
	var bundle []byte
	var want, got [][]byte
	for i := range 4 {
		d := append([]byte{0x41, byte(i)}, make([]byte, 293)...)
		want = append(want, d)
		if bundle, err = netproto.AppendBundle(bundle, d); err != nil {
			t.Fatal(err)
		}
	}
	to.sendNow(make([]byte, netproto.MaxDatagram)) // is lost
	to.sendNow(bundle)
	for range want {
		got = append(got, w.read(10*time.Second))
	}
	relaytest.SameSet(t, got, want)
}

// What a session must not do, or not for long, and how it ends.
func TestWebTransportEnds(t *testing.T) {
	t.Parallel()
	cfg := webConfig()
	cfg.LoginTimeout, cfg.SilenceTimeout = time.Second, 4*time.Second
	s := startServer(t, cfg)
	t.Run("nobody's", func(t *testing.T) { openWeb(t, s).closed() })
	t.Run("nobody's, with much to say", func(t *testing.T) {
		w := openWeb(t, s)
		for w.session.SendDatagram([]byte("datagrams of no session")) == nil {
			time.Sleep(time.Millisecond)
		}
	})
	t.Run("nobody's, with a stream", func(t *testing.T) {
		w := openWeb(t, s)
		c := w.control()
		c.send(`{"KEY":`)
		c.refused("in time")
		w.closed()
	})
	t.Run("a page of another's", func(t *testing.T) {
		for _, origin := range []string{"https://evil.example", "http://evil.example:9999", "null", "https://127.0.0.1.evil.example"} {
			if w, status, err := dialWeb(s, origin); err == nil || status != http.StatusForbidden {
				t.Errorf("%s: %d, %v", origin, status, err)
				w.close()
			}
		}
	})
	t.Run("it makes no sense", func(t *testing.T) {
		w := openWeb(t, s)
		c := w.control()
		for range 20 {
			if _, err := io.WriteString(c.conn, "{}"); err != nil {
				break
			}
		}
		words, _ := io.ReadAll(c.conn)
		if !slices.Contains(words, '4') {
			t.Errorf("no DISCONNECT: %s", words)
		}
	})
	t.Run("odd datagrams", func(t *testing.T) {
		a, b := joinWeb(t, s, "odd", "a"), joinWeb(t, s, "odd", "b")
		for _, d := range [][]byte{{}, {0}, make([]byte, 1100)} {
			_ = a.web.session.SendDatagram(d)
		}
		converse(t, a, b)
	})
	t.Run("silent", func(t *testing.T) {
		a := joinVoice(t, s, "", "a")
		a.web = openWeb(t, s)
		a.settle()
		begun := time.Now()
		a.web.closed()
		if d := time.Since(begun); d < 2*time.Second {
			t.Errorf("closed after %v, and it was a session's path", d)
		}
	})
	t.Run("its session has left", func(t *testing.T) {
		a := joinWeb(t, s, "", "a")
		a.send(`{"KEY": 4}`)
		a.web.closed()
	})
	t.Run("the relay ends", func(t *testing.T) {
		s := startServer(t, webConfig())
		a := joinWeb(t, s, "", "a")
		ended := make(chan error)
		go func() { ended <- s.Close() }()
		a.want(5) // what a stream has not given by the end of its connection is lost
		if err := <-ended; err != nil {
			t.Error(err)
		}
		a.web.closed()
	})
}

// A relay that drains tells browsers to go, and serves them until they have.
func TestWebDrain(t *testing.T) {
	s := startServer(t, webConfig())
	socket, web := joinSocket(t, s, "", "socket"), joinWeb(t, s, "", "web")
	s.Drain(time.Hour, Next{})
	for _, c := range []*voiceClient{socket, web} {
		for p := c.next(); p["KEY"] != 5.0; p = c.next() {
			if p["KEY"] != 3.0 {
				t.Fatal(p)
			}
		}
	}
	converse(t, socket, web)
	for _, c := range []*voiceClient{socket, web} {
		c.send(`{"KEY": 4}`)
	}
	select {
	case <-s.done:
	case <-time.After(inTime):
		t.Error("it does not end when all have gone")
	}
}

// Sessions are connections of their address like all others, and more than that there are not.
func TestWebTransportsAreCounted(t *testing.T) {
	cfg := webConfig()
	cfg.MaxConns, cfg.LoginTimeout = 3, 60*time.Second
	s := startServer(t, cfg)
	for range cfg.MaxConns {
		openWeb(t, s)
	}
	refused := new(quic.ApplicationError)
	if w, _, err := dialWeb(s, "https://127.0.0.1"); err == nil || !errors.As(err, &refused) {
		t.Errorf("one more than there may be: %v", err)
		if err == nil {
			w.close()
		}
	}
	c := dialTIP(t, s)
	c.send(`{"KEY": 2, "NAME": "a"}`)
	c.refused("too many connections")
}

// Who opens many sessions at once is let in as far as there is room, and leaves nothing.
func TestManyWebTransports(t *testing.T) {
	cfg := webConfig()
	cfg.MaxPending, cfg.LoginTimeout = 20, 60*time.Second
	s := startServer(t, cfg)
	a, b := joinWeb(t, s, "", "a"), joinVoice(t, s, "", "b")
	within(t, "a's does not wait", func() bool {
		converse(t, a, b)
		s.admission.mu.Lock()
		defer s.admission.mu.Unlock()
		return s.admission.waiting.Len() == 0
	})
	for range 100 {
		openWeb(t, s)
	}
	converse(t, a, b)
	within(t, "there are no more than may wait", func() bool {
		s.admission.mu.Lock()
		defer s.admission.mu.Unlock()
		return s.admission.waiting.Len() <= cfg.MaxPending && s.admission.all <= cfg.MaxPending+3
	})
	n := 0
	s.quic.clients.Range(func(any, any) bool { n++; return true })
	if n > cfg.MaxPending+3 {
		t.Errorf("%d connections are kept", n)
	}
}

// A relay whose UDP port another program has takes it when it is free, and says to the page that there is none until then.
func TestWebTransportLater(t *testing.T) {
	taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := webConfig()
	cfg.Web.Port = int(addrPortOf(taken.LocalAddr()).Port())
	s := startServer(t, cfg)
	if about := s.about(t); about.QUIC != 0 || len(about.Hashes) != 0 {
		t.Error(about)
	}
	_ = taken.Close()
	within(t, "it has the port", func() bool { return s.quic.at() == cfg.Web.Port })
	a, b := joinWeb(t, s, "", "a"), joinVoice(t, s, "", "b")
	converse(t, a, b)

	cfg.Web.Port = -1
	none := startServer(t, cfg)
	if about := none.about(t); about.QUIC != 0 {
		t.Error(about)
	}
}

// With a certificate of the operator's own it is shown there too, and the page is told no hash.
func TestWebTransportCertificate(t *testing.T) {
	dir := t.TempDir()
	startServer(t, Config{StateDir: dir})
	cfg := webConfig()
	cfg.CertFile, cfg.KeyFile = dir+"/relay.pem", dir+"/relay.pem"
	s := startServer(t, cfg)
	if about := s.about(t); about.QUIC == 0 || len(about.Hashes) != 0 {
		t.Error(about)
	}
	if w := openWeb(t, s); !slices.Equal(w.shown, s.identity.Load().cert.Certificate[0]) {
		t.Error("another certificate")
	}
}

// Who is sent away hears why, though its session ends with its path.
func TestWebTransportIsSentAway(t *testing.T) {
	s := startServer(t, webConfig())
	a := joinWeb(t, s, "", "a")
	if err := s.Kick(a.session, "noise"); err != nil {
		t.Fatal(err)
	}
	p := a.any()
	for p["KEY"] == 3.0 {
		p = a.any()
	}
	if p["KEY"] != 4.0 || p["REASON"] == nil {
		t.Errorf("%v", p)
	}
	a.web.closed()
}
