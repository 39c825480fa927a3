package udpio

import (
	"net"
	"testing"
)

func TestOverflows(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	to := conn.LocalAddr().(*net.UDPAddr)
	from, err := net.DialUDP("udp4", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if n := Overflows(uint16(to.Port)); n != 0 {
		t.Fatalf("%d at first", n)
	}
	for range 100 {
		if _, err := from.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if n := Overflows(uint16(to.Port)); n < 50 {
		t.Errorf("%d of some 97", n)
	}
}
