package tip

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/tincan-voice/tincan/engine"
)

func listen(t *testing.T) *Server {
	t.Helper()
	s, err := Listen(Config{
		Listen: netip.MustParseAddrPort("127.0.0.1:0"), Log: slog.New(slog.DiscardHandler),
		Join: engine.Config{Address: "127.0.0.1:1", Plaintext: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.tcp.Close(); s.udp.Close() })
	return s
}

// Nobody takes the place of another's sound, nor that of the bridge.
func TestPlaces(t *testing.T) {
	s := listen(t)
	ann, eve := &member{}, &member{}
	at := netip.MustParseAddrPort("192.0.2.1:5000")
	s.place(ann, at)
	s.place(eve, at)
	s.place(eve, s.Addr())
	if s.members[at] != ann || len(s.members) != 1 || eve.at.Load() != nil {
		t.Errorf("%v", s.members)
	}
	s.place(ann, netip.AddrPort{})
	if s.place(eve, at); s.members[at] != eve {
		t.Error("the place is not free again")
	}
}

// Who says no name keeps out nobody from elsewhere.
func TestNameless(t *testing.T) {
	s := listen(t)
	eve, ann := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	n := 0
	for n < 1000 && s.enter(eve) {
		n++
	}
	if n != mostOfOne || !s.enter(ann) || !s.promote() {
		t.Errorf("%d of one address, then nobody", n)
	}
	s.exit(ann, true)
	for range n {
		s.exit(eve, false)
	}
	if s.waiting != 0 || s.named != 0 || len(s.from) != 0 {
		t.Errorf("%d wait, %d named, %v", s.waiting, s.named, s.from)
	}
}
