package relay

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

// firstWord keeps what is written, which is the first word of a handshake.
type firstWord struct {
	net.Conn
	text []byte
}

func (f *firstWord) Write(p []byte) (int, error) {
	f.text = append(f.text, p...)
	return 0, net.ErrClosed
}

// Whoever has given up while others had their turn costs no handshake.
func TestNoTurnForWhoHasGone(t *testing.T) {
	s, err := Listen(Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var computed, waiting atomic.Int32
	certificate, turn := s.tls.GetCertificate, s.tls.GetConfigForClient
	s.tls.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		computed.Add(1)
		return certificate(hello)
	}
	s.tls.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		waiting.Add(1)
		return turn(hello)
	}
	serve(t, s)
	for range cap(s.turns) {
		s.turns <- struct{}{}
	}
	hello := &firstWord{}
	_ = tls.Client(hello, &tls.Config{InsecureSkipVerify: true}).Handshake() // never gets further
	const count = 20
	conns := make([]net.Conn, count)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", s.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if _, err := conns[i].Write(hello.text); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "all wait for their turn", func() bool { return waiting.Load() == count })
	for i, conn := range conns[1:] {
		if i%2 == 0 {
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset
		}
		_ = conn.Close()
	}
	for range cap(s.turns) {
		<-s.turns
	}
	if _, err := conns[0].Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	within(t, "the others are forgotten", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.conns) == 1 })
	if n := computed.Load(); n != 1 {
		t.Errorf("%d handshakes were computed for one client", n)
	}
	_ = conns[0].Close()
}
