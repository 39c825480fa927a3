package udpio

import (
	"net/netip"
	"testing"
)

func TestReceiveBuffer(t *testing.T) {
	conns, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := ReceiveBuffer(conns[0]); n < 1000 {
		t.Errorf("%d bytes", n)
	}
	if err := conns[0].Close(); err != nil {
		t.Fatal(err)
	}
	if n := ReceiveBuffer(conns[0]); n != 0 {
		t.Errorf("%d bytes after Close", n)
	}
}
