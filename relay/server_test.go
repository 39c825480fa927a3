package relay

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// startServer runs a relay on a loopback port until the test ends.
// inTime is how long what has to happen may take where the machine is busy; nothing is timed by it.
const inTime = time.Minute

func startServer(t *testing.T, cfg Config) *Server {
	t.Helper()
	if !cfg.Addr.IsValid() {
		cfg.Addr = netip.MustParseAddrPort("127.0.0.1:0")
	}
	if cfg.StateDir == "" {
		cfg.StateDir = t.TempDir()
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, s)
	return s
}

func serve(t *testing.T, s *Server) {
	end := make(chan error, 1)
	go func() { end <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-end; err != nil {
			t.Error(err)
		}
	})
}

// tipClient is a client that knows no more than TIP_Project's table of
// packages: plain TCP, recv(1024), split at }{, json.loads.
type tipClient struct {
	t    *testing.T
	conn net.Conn
	have []string
}

func dialTIP(t *testing.T, s *Server) *tipClient {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &tipClient{t: t, conn: conn}
}

func (c *tipClient) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// recv returns what one recv(1024) gives.
func (c *tipClient) recv() (string, error) {
	buf := make([]byte, 1024)
	_ = c.conn.SetReadDeadline(time.Now().Add(inTime))
	n, err := c.conn.Read(buf)
	return string(buf[:n]), err
}

// next returns the next package as a map, but for those that only begin an epoch of what has been told already.
func (c *tipClient) next() map[string]any {
	c.t.Helper()
	for {
		p := c.any()
		left, difference := p["LEFT"].([]any)
		if p["KEY"] != 3.0 || p["EPOCH"] == nil || len(p["USERS"].([]any)) > 0 || len(left) > 0 || !difference {
			return p
		}
	}
}

func (c *tipClient) any() map[string]any {
	c.t.Helper()
	if len(c.have) == 0 {
		s, err := c.recv()
		if err != nil {
			c.t.Fatalf("waiting for a package: %v", err)
		}
		c.have = strings.Split(strings.ReplaceAll(s, "}{", "}\x00{"), "\x00")
	}
	text := c.have[0]
	c.have = c.have[1:]
	var p map[string]any
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		c.t.Fatalf("%q: %v", text, err)
	}
	return p
}

func (c *tipClient) want(key int) map[string]any {
	c.t.Helper()
	p := c.next()
	if p["KEY"] != float64(key) {
		c.t.Fatalf("got %v, want KEY %d", p, key)
	}
	return p
}

// users wants a list with these names.
func (c *tipClient) users(names ...string) {
	c.t.Helper()
	p := c.want(3)
	var got []string
	for _, n := range p["USERS"].([]any) {
		got = append(got, n.(string))
	}
	if !slices.Equal(got, names) || len(p) != 2 {
		c.t.Fatalf("%v, want users %q and nothing else", p, names)
	}
}

// login sends the name and takes the two answers.
func (c *tipClient) login(name string, users ...string) uint32 {
	c.t.Helper()
	c.send(fmt.Sprintf(`{"KEY": 2, "NAME": %q}`, name))
	c.users(users...)
	p := c.want(6)
	if len(p) != 2 {
		c.t.Fatalf("%v: more than a session", p)
	}
	return uint32(p["SESSION"].(float64))
}

// closed wants the end of the connection, without further packages.
func (c *tipClient) closed() {
	c.t.Helper()
	if s, err := c.recv(); err != io.EOF {
		c.t.Fatalf("got %q, %v; want the end", s, err)
	}
}

// refused wants DISCONNECT with these words, and the end.
func (c *tipClient) refused(words string) {
	c.t.Helper()
	p := c.want(4)
	if r, _ := p["REASON"].(string); !strings.Contains(r, words) {
		c.t.Fatalf("%v lacks %q", p, words)
	}
	c.closed()
}

// TIP_Project's own server test, word for word where its protocol is still
// the one of the table: byte for byte, one package per recv.
func TestTIPProject(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	exact := func(c *tipClient, want string) {
		t.Helper()
		if got, err := c.recv(); got != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	one, two := dialTIP(t, s), dialTIP(t, s)
	one.send(`{"KEY": 2, "NAME": "Adam"}`)
	exact(one, `{"KEY": 3, "USERS": ["Adam"]}`)
	exact(one, fmt.Sprintf(`{"KEY": 6, "SESSION": %d}`, s.Clients()[0].Session))
	two.send(`{"KEY": 2, "NAME": "George"}`)
	exact(two, `{"KEY": 3, "USERS": ["Adam", "George"]}`)
	exact(two, fmt.Sprintf(`{"KEY": 6, "SESSION": %d}`, s.Clients()[1].Session))
	exact(one, `{"KEY": 3, "USERS": ["Adam", "George"]}`)
	one.send(`{"KEY": 7, "PORT": 54321}`)
	exact(one, `{"KEY": 0}`)
	two.send(`{"KEY": 4, "REASON": "Yes v2"}`)
	exact(one, `{"KEY": 3, "USERS": ["Adam"]}`)
	one.send(`{"KEY": 4, "REASON": null}`)
	one.closed()
	two.closed()
}

func TestHandshakeShapes(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	watcher := dialTIP(t, s)
	watcher.login("w", "w")

	// Name and port in one segment.
	c := dialTIP(t, s)
	c.send(`{"KEY": 2, "NAME": "a"}{"KEY": 7, "PORT": 1234}`)
	c.users("w", "a")
	c.want(6)
	c.want(0)
	watcher.users("w", "a")

	// One byte at a time.
	d := dialTIP(t, s)
	for _, b := range []byte(`{"KEY": 2, "NAME": "b"}{"KEY": 7, "PORT": 1234}`) {
		d.send(string(b))
	}
	d.users("w", "a", "b")
	d.want(6)
	d.want(0)
	watcher.users("w", "a", "b")

	// The same name again; names with braces and beyond ASCII.
	e := dialTIP(t, s)
	if e.login("a", "w", "a", "b", "a") == 0 {
		t.Error("no session ID")
	}
	watcher.users("w", "a", "b", "a")
	f := dialTIP(t, s)
	f.send(`{"KEY": 2, "NAME": "}{\u017c\ud83d\ude00"}`)
	f.users("w", "a", "b", "a", "}{ż\U0001f600")
	f.want(6)
	watcher.users("w", "a", "b", "a", "}{ż\U0001f600")

	// A second name is an error, and changes nothing.
	f.send(`{"KEY": 2, "NAME": "again"}`)
	f.want(1)
	// Someone without a name is in no list.
	g := dialTIP(t, s)
	g.send(`{"KEY": 7, "PORT": 1}`)
	g.want(0)
	// Abrupt ends: a reset, and a silent close.
	_ = f.conn.(*net.TCPConn).SetLinger(0)
	_ = f.conn.Close()
	watcher.users("w", "a", "b", "a")
	_ = c.conn.Close()
	watcher.users("w", "b", "a")
	// Another room sees none of it, and is not seen.
	h := dialTIP(t, s)
	h.send(`{"KEY": 2, "NAME": "h", "ROOM": "other"}`)
	h.users("h")
	h.want(6)
	_ = d.conn.Close()
	watcher.users("w", "a")
}

func TestBadPackages(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	watcher := dialTIP(t, s)
	watcher.login("w", "w")
	single := []struct{ name, send, reason string }{
		{"rubbish", "hello\n{}", "bad JSON"},
		{"bad JSON", `{"KEY": 2, "NAME": }`, "bad JSON"},
		{"unknown KEY", `{"KEY": 8}`, "unknown KEY"},
		{"no KEY", `{"NAME": "x"}`, "missing"},
		{"no name", `{"KEY": 2}`, "missing"},
		{"ill-typed name", `{"KEY": 2, "NAME": 5}`, "ill-typed"},
		{"no port", `{"KEY": 7}`, "missing"},
		{"ill-typed port", `{"KEY": 7, "PORT": "x"}`, "ill-typed"},
		{"long name", `{"KEY": 2, "NAME": "aaaaaaaaaaaaaaaaaaaa"}`, "20 characters"},
		{"empty name", `{"KEY": 2, "NAME": ""}`, "empty"},
		{"unseen name", `{"KEY": 2, "NAME": "\u200b\u3164"}`, "no character that can be seen"},
		{"name with an escape sequence", `{"KEY": 2, "NAME": "\u001b]0;x\u0007"}`, "control"},
		{"unseen room", `{"KEY": 2, "NAME": "a", "ROOM": "\u2800"}`, "no character that can be seen"},
		{"control character", `{"KEY": 2, "NAME": "a\u0007"}`, "control"},
		{"bad room", `{"KEY": 2, "NAME": "a", "ROOM": "\n"}`, "room"},
		{"server's package", `{"KEY": 5}`, "SERVER_CLOSE"},
	}
	for _, tt := range single {
		c := dialTIP(t, s)
		c.send(tt.send)
		p := c.want(1)
		if r, _ := p["REASON"].(string); !strings.Contains(r, tt.reason) {
			t.Errorf("%s: %v", tt.name, p)
		}
		_ = c.conn.Close()
	}

	// A mistake is forgiven, and then the name is welcome.
	c := dialTIP(t, s)
	c.send(`{"KEY": 99}`)
	c.want(1)
	c.login("c", "w", "c")
	watcher.users("w", "c")
	// Five in a row are not.
	c.send(strings.Repeat(`{"KEY": 99}`, 7))
	for range 4 {
		c.want(1)
	}
	c.refused("unknown KEY")
	watcher.users("w")

	// Ten in all are not either.
	d := dialTIP(t, s)
	for i := range 9 {
		d.send(`{"KEY": 99}`)
		d.want(1)
		if i%2 == 1 {
			d.send(`{"KEY": 7, "PORT": 1}`)
			d.want(0)
		}
	}
	d.send(`{"KEY": 99}`)
	d.refused("unknown KEY")

	// An endless package.
	e := dialTIP(t, s)
	go func() {
		for i := 0; i < 100; i++ {
			if _, err := io.WriteString(e.conn, `{"KEY": "`+strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	}()
	if p := e.want(1); p["REASON"] == nil {
		t.Errorf("%v", p)
	}

	// A flood of good packages.
	f := dialTIP(t, s)
	go func() { _, _ = io.WriteString(f.conn, strings.Repeat(`{"KEY": 7, "PORT": 1}`, 1000)) }()
	acks := 0
	for {
		p := f.next()
		if p["KEY"] == float64(4) {
			break
		}
		acks++
	}
	if acks < 20 || acks > 60 {
		t.Errorf("%d packages answered before the end", acks)
	}

	// And nobody has noticed.
	watcher.send(`{"KEY": 7, "PORT": 1}`)
	watcher.want(0)
}

func TestLoginTimeout(t *testing.T) {
	s := startServer(t, Config{LoginTimeout: 50 * time.Millisecond})
	c := dialTIP(t, s)
	c.closed() // not a byte came: nothing says that it speaks JSON
	d := dialTIP(t, s)
	d.send(`{"KEY":`)
	d.refused("in time")
	e := dialTIP(t, s)
	e.login("in time", "in time")
	time.Sleep(100 * time.Millisecond)
	e.send(`{"KEY": 7, "PORT": 1}`)
	e.want(0)
}

// elsewhere is a listener whose connections come from another machine.
type elsewhere struct{ net.Listener }

type elsewhereConn struct{ *net.TCPConn }

func (l elsewhere) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return elsewhereConn{c.(*net.TCPConn)}, nil
}

func (elsewhereConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.7:4444"))
}

func TestPlaintextPolicy(t *testing.T) {
	for _, policy := range []string{PlaintextLoopback, PlaintextAny} {
		s, err := Listen(Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir(), Plaintext: policy})
		if err != nil {
			t.Fatal(err)
		}
		s.listener = elsewhere{s.listener}
		serve(t, s)
		c := dialTIP(t, s)
		if policy == PlaintextAny {
			c.login("a", "a")
			continue
		}
		c.send(`{"KEY": 2, "NAME": "a"}`)
		c.refused("use TLS")
	}
	if _, err := Listen(Config{Plaintext: "yes"}); err == nil {
		t.Error("an unknown policy is no error")
	}
}

func dialTLS(t *testing.T, s *Server, cfg *tls.Config) *tipClient {
	t.Helper()
	cfg.InsecureSkipVerify = true
	conn, err := tls.Dial("tcp", s.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &tipClient{t: t, conn: conn}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServer(t, Config{StateDir: dir})
	c := dialTLS(t, s, &tls.Config{})
	state := c.conn.(*tls.Conn).ConnectionState()
	if state.Version != tls.VersionTLS13 {
		t.Errorf("TLS version %x", state.Version)
	}
	print, err := fingerprint(tls.Certificate{Certificate: [][]byte{state.PeerCertificates[0].Raw}})
	if err != nil || print != s.Fingerprint() {
		t.Errorf("fingerprint %s, %v; the relay says %s", print, err, s.Fingerprint())
	}
	c.login("a", "a")
	d := dialTLS(t, s, &tls.Config{NextProtos: []string{"tincan"}})
	d.login("b", "a", "b")
	c.users("a", "b")
	d.send(`{"KEY": 4}`)
	d.closed()
	c.users("a")

	for name, cfg := range map[string]*tls.Config{
		"TLS 1.2": {MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true},
		"web":     {NextProtos: []string{"http/1.1"}, InsecureSkipVerify: true},
	} {
		if conn, err := tls.Dial("tcp", s.Addr().String(), cfg); err == nil {
			_ = conn.Close()
			t.Errorf("%s is accepted", name)
		}
	}
	// Half a handshake hurts nobody.
	e := dialTIP(t, s)
	e.send("\x16\x03\x01")
	c.send(`{"KEY": 7, "PORT": 1}`)
	c.want(0)

	// The certificate stays the same, and a certificate of one's own is used.
	again := startServer(t, Config{StateDir: dir})
	if again.Fingerprint() != s.Fingerprint() {
		t.Error("another certificate after a restart")
	}
	own := startServer(t, Config{StateDir: t.TempDir()})
	if own.Fingerprint() == s.Fingerprint() {
		t.Error("the same certificate in another place")
	}
	configured := startServer(t, Config{CertFile: dir + "/relay.pem", KeyFile: dir + "/relay.pem"})
	if configured.Fingerprint() != s.Fingerprint() {
		t.Error("the configured certificate is not used")
	}
}

// A client that does not read is dropped; the others get everything.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{MaxUnsent: 2000, WriteTimeout: 100 * time.Millisecond})
	watcher := dialTIP(t, s)
	watcher.login("w", "w")
	slow := dialTIP(t, s)
	_ = slow.conn.(*net.TCPConn).SetReadBuffer(1024)
	slow.login("slow", "w", "slow")
	watcher.users("w", "slow")
	s.mu.Lock()
	out := s.sessions[s.core.Sessions()[1].Session].out
	s.mu.Unlock()
	junk := appendPackage(netprotoReason(500))
	for i := 0; ; i++ {
		out.put(junk)
		out.mu.Lock()
		failed := out.failed
		out.mu.Unlock()
		if failed {
			break
		}
		if i > 1e6 {
			t.Fatal("the queue is endless")
		}
	}
	watcher.users("w")
}

func TestServerClose(t *testing.T) {
	s, err := Listen(Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error)
	go func() { end <- s.Serve(ctx) }()
	plain, secure, nameless, half := dialTIP(t, s), dialTLS(t, s, &tls.Config{}), dialTIP(t, s), dialTIP(t, s)
	plain.login("a", "a")
	secure.login("b", "a", "b")
	plain.users("a", "b")
	nameless.send(`{"KEY": 7, "PORT": 1}`)
	nameless.want(0)
	half.send("\x16")
	cancel()
	for _, c := range []*tipClient{plain, secure, nameless} {
		if p := c.want(5); p["REASON"] != "the relay was stopped" {
			t.Errorf("%v", p)
		}
		c.closed()
		_ = c.conn.Close()
	}
	_ = half.conn.Close()
	select {
	case err := <-end:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(inTime):
		t.Fatal("Serve does not end")
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("still listening")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Serve(context.Background()); !errors.Is(err, ErrServing) {
		t.Error("Serve twice")
	}
}

func TestListenErrors(t *testing.T) {
	s := startServer(t, Config{})
	if _, err := Listen(Config{Addr: s.Addr(), StateDir: t.TempDir()}); !errors.Is(err, ErrPortInUse) {
		t.Errorf("second relay on the port: %v", err)
	}
	for _, cfg := range []Config{{Plaintext: "all"}, {CertFile: "cert.pem"}, {MaxUnsent: -1}, {SilenceTimeout: -time.Second}, {Workers: -1}} {
		cfg.Addr, cfg.StateDir = s.Addr(), t.TempDir()
		if _, err := Listen(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	unserved, err := Listen(Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := unserved.Close(); err != nil {
		t.Error(err)
	}
}
