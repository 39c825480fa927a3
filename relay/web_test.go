package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"

	"github.com/tincan-voice/tincan/netproto"
)

// testPage is a page for a relay.
func testPage() Web {
	return Web{Version: "v1", Files: fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html>")}, "a/1f/app.js": {Data: []byte("'use strict'")},
	}}
}

func webConfig() Config {
	cfg := everyone()
	cfg.Web = testPage()
	return cfg
}

// browser speaks HTTP as browsers do. It does not follow redirects.
func browser(t *testing.T) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, Timeout: inTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, url string) answer {
	t.Helper()
	resp, err := browser(t).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// The page comes on the port on which the relay's own protocols go on, with what it takes to be isolated.
func TestWeb(t *testing.T) {
	s := startServer(t, webConfig())
	for _, scheme := range []string{"https", "http"} {
		page := get(t, fmt.Sprintf("%s://localhost:%d/", scheme, s.Addr().Port()))
		if page.status != http.StatusOK || page.body != "<!doctype html>" {
			t.Errorf("%s: %v", scheme, page)
		}
		for name, words := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Embedder-Policy": "require-corp", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff",
		} {
			if got := page.header.Get(name); !strings.Contains(got, words) {
				t.Errorf("%s: %s: %q, want %q", scheme, name, got, words)
			}
		}
	}
	if got := get(t, fmt.Sprintf("https://%v/a/1f/app.js", s.Addr())).header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control of a file with a hash in its path: %q", got)
	}
	about := s.about(t)
	if about.Version != "v1" || about.Hashes == nil {
		t.Error(about)
	}
	dialTLS(t, s, &tls.Config{NextProtos: []string{controlProtocol}}).login("a", "a")
	dialTLS(t, s, &tls.Config{}).login("c", "a", "c")
	dialTIP(t, s).login("b", "a", "c", "b")
}

// about is what the page is told.
func (s *Server) about(t *testing.T) (about webJSON) {
	t.Helper()
	a := get(t, fmt.Sprintf("https://%v/web.json", s.Addr()))
	if err := json.Unmarshal([]byte(a.body), &about); err != nil || a.header.Get("Cache-Control") != "no-store" {
		t.Fatal(a, err)
	}
	return about
}

func TestWebRefuses(t *testing.T) {
	s := startServer(t, webConfig())
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"nothing there":          {"GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		"a path upwards":         {"GET /../relay.pem HTTP/1.1\r\nHost: localhost\r\n\r\n", 307},
		"a name led here":        {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403},
		"a Host that is none":    {"GET / HTTP/1.1\r\nHost: localhost;script-src\r\n\r\n", 400},
		"a body":                 {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 413},
		"a body that never ends": {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nhello", 413},
		"another method":         {"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
		"huge headers":           {"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431},
		"no WebSocket":           {"GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n", 426},
		"a page of another's": {"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: https://evil.example\r\n\r\n", 403},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dialTIP(t, s).conn
			_, _ = io.WriteString(conn, c.request)
			_ = conn.SetReadDeadline(time.Now().Add(inTime))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("%s, want %d", resp.Status, c.status)
			}
		})
	}
}

// From another machine there is the page in TLS only, and whoever comes without is sent there.
func TestWebFromElsewhere(t *testing.T) {
	cfg := webConfig()
	cfg.Addr, cfg.StateDir = netip.MustParseAddrPort("127.0.0.1:0"), t.TempDir()
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.listener = elsewhere{s.listener}
	serve(t, s)
	a := get(t, fmt.Sprintf("http://%v/x?y", s.Addr()))
	if got, want := a.header.Get("Location"), fmt.Sprintf("https://%v/x?y", s.Addr()); a.status != http.StatusPermanentRedirect || got != want {
		t.Errorf("%d to %q, want %q", a.status, got, want)
	}
}

// Whoever says half a request has the time for a name, and counts as a connection meanwhile.
func TestWebSlowly(t *testing.T) {
	t.Parallel()
	cfg := webConfig()
	cfg.LoginTimeout, cfg.MaxPending = time.Second, 3
	s := startServer(t, cfg)
	var slow []*tipClient
	for range 8 {
		c := dialTIP(t, s)
		c.send("GET / HTTP/1.1\r\nHost: local")
		slow = append(slow, c)
	}
	within(t, "no more than MaxPending wait", func() bool {
		s.admission.mu.Lock()
		defer s.admission.mu.Unlock()
		return s.admission.all <= cfg.MaxPending
	})
	for _, c := range slow {
		_ = c.conn.SetReadDeadline(time.Now().Add(inTime))
		if _, err := io.Copy(io.Discard, c.conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Error("it is still there")
		}
	}
	within(t, "all are gone", func() bool {
		s.admission.mu.Lock()
		defer s.admission.mu.Unlock()
		return s.admission.all == 0
	})
}

// Who is turned away gets the reason as an answer to its request: what comes before that is no HTTP/1.1.
func TestWebTurnedAway(t *testing.T) {
	cfg := webConfig()
	cfg.MaxConns = 1
	s := startServer(t, cfg)
	dialTIP(t, s).login("a", "a")
	a := get(t, fmt.Sprintf("https://%v/", s.Addr()))
	if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "too many connections") {
		t.Error(a)
	}
	early, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{webProtocol}})
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	_ = early.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := early.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes before the request, %v", n, err)
	}
}

// A page that makes no sense is an error at the start.
func TestBadPage(t *testing.T) {
	if _, err := Listen(Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir(), Web: Web{Files: fstest.MapFS{}}}); err == nil {
		t.Error("a page without index.html is none")
	}
}

// dialSocket opens a WebSocket as the page does.
func dialSocket(t *testing.T, s *Server, protocols ...string) net.Conn {
	t.Helper()
	url := fmt.Sprintf("wss://%v/ws", s.Addr())
	ws, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{ //nolint:bodyclose // package websocket closes it
		HTTPClient: browser(t), Subprotocols: protocols, HTTPHeader: http.Header{"Origin": {fmt.Sprintf("https://%v", s.Addr())}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(protocols) > 0 && ws.Subprotocol() != protocols[0] {
		t.Fatalf("subprotocol %q", ws.Subprotocol())
	}
	c := pump(websocket.NetConn(context.Background(), ws, websocket.MessageBinary))
	t.Cleanup(func() {
		_ = ws.CloseNow()
		_ = c.in.Close()
	})
	return c
}

// pumped is a connection that bears deadlines of reads: a WebSocket would be closed.
type pumped struct {
	net.Conn
	in net.Conn
}

func pump(conn net.Conn) pumped {
	in, out := net.Pipe()
	go func() {
		_, _ = io.Copy(out, conn)
		_ = out.Close()
	}()
	return pumped{conn, in}
}

func (c pumped) Read(p []byte) (int, error)        { return c.in.Read(p) }
func (c pumped) SetReadDeadline(t time.Time) error { return c.in.SetReadDeadline(t) }
func (c pumped) Close() error                      { return errors.Join(c.in.Close(), c.Conn.Close()) }

// joinSocket logs in by a WebSocket and has voice by another one.
func joinSocket(t *testing.T, s *Server, room, name string) *voiceClient {
	t.Helper()
	c := logIn(t, s, &tipClient{t: t, conn: dialSocket(t, s, controlProtocol)}, room, name)
	c.enterSocket(s)
	return c
}

func (c *voiceClient) enterSocket(s *Server) {
	c.t.Helper()
	c.tunnel = &testTunnel{t: c.t, conn: dialSocket(c.t, s, netproto.TunnelProtocol)}
	c.settle()
}

// A browser is a member like any other.
func TestWebSocket(t *testing.T) {
	s := startServer(t, webConfig())
	native := joinVoice(t, s, "", "native")
	web, other := joinSocket(t, s, "", "web"), joinSocket(t, s, "", "other")
	clients := []*voiceClient{native, web, other}
	exchange(t, clients, 50)
	for range 3 { // a new tunnel takes the place of one that is cut
		old := web.tunnel
		web.enterSocket(s)
		_ = old.conn.Close()
		exchange(t, clients, 5)
	}
	if len(s.core.Sessions()) != 3 {
		t.Error(s.core.Sessions())
	}
	pending := func() int {
		s.admission.mu.Lock()
		defer s.admission.mu.Unlock()
		return s.admission.waiting.Len()
	}
	within(t, "none counts as without a name", func() bool {
		exchange(t, clients, 1)
		return pending() == 0
	})
}

// Packages may come in any pieces, and a connection that is lost is resumed by another WebSocket.
func TestWebSocketResume(t *testing.T) {
	s := startServer(t, webConfig())
	b := joinVoice(t, s, "", "b")
	a := joinSocket(t, s, "", "a")
	for _, c := range []byte(`{"KEY": 7, "PORT": 1}`) {
		a.send(string(c))
	}
	a.want(0)
	_ = a.conn.(interface{ Close() error }).Close()
	within(t, "it is held", func() bool { return s.isHeld(a.session) })
	exchange(t, []*voiceClient{a, b}, 5)
	p := a.nickname()
	text, err := netproto.AppendPackage(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	again := &tipClient{t: t, conn: dialSocket(t, s)}
	again.send(string(text))
	again.want(3)
	if got := uint32(again.want(6)["SESSION"].(float64)); got != a.session {
		t.Errorf("session %d, was %d", got, a.session)
	}
	exchange(t, []*voiceClient{a, b}, 5)
}

// What a WebSocket must not do, or not for long, and how it ends.
func TestWebSocketEnds(t *testing.T) {
	t.Parallel()
	cfg := webConfig()
	cfg.LoginTimeout = time.Second
	s := startServer(t, cfg)
	t.Run("nobody's", func(t *testing.T) { (&testTunnel{t: t, conn: dialSocket(t, s)}).closed() })
	t.Run("nobody's tunnel", func(t *testing.T) {
		(&testTunnel{t: t, conn: dialSocket(t, s, netproto.TunnelProtocol)}).closed()
	})
	t.Run("it makes no sense", func(t *testing.T) {
		c := &tipClient{t: t, conn: dialSocket(t, s)}
		c.send(strings.Repeat("{}", 20))
		words, _ := io.ReadAll(c.conn)
		if !slices.Contains(strings.FieldsFunc(string(words), func(r rune) bool { return r == '{' || r == '}' || r == ',' }), `"KEY": 4`) {
			t.Errorf("no DISCONNECT: %s", words)
		}
	})
	t.Run("its session has left", func(t *testing.T) {
		a := joinSocket(t, s, "", "a")
		a.send(`{"KEY": 4}`)
		a.tunnel.closed()
		(&testTunnel{t: t, conn: a.conn}).closed()
	})
	t.Run("the relay ends", func(t *testing.T) {
		s := startServer(t, webConfig())
		a := joinSocket(t, s, "", "a")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		a.want(5)
		(&testTunnel{t: t, conn: a.conn}).closed()
		a.tunnel.closed()
	})
}
