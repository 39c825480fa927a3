package udpiotest

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/udpio"
)

func TestNetwork(t *testing.T) {
	n := NewNetwork()
	addr := func(port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port)
	}
	a, b, c := n.Listen(addr(1)), n.Listen(addr(2)), n.Listen(addr(3))
	g := a.NewGroup([]udpio.Path{{Remote: addr(2)}, {Remote: addr(3)}, {Remote: addr(4)}})
	d := []byte("hello")
	if sent, err := a.SendGroup(g, d, []int{1}); sent != 2 || err != nil || g.Len() != 3 {
		t.Fatalf("sent %d to a group of %d, %v", sent, g.Len(), err)
	}
	clear(d)
	if err := c.Send(udpio.Path{Remote: addr(2)}, []byte("from c")); err != nil {
		t.Fatal(err)
	}
	msgs := make([]udpio.Message, 8)
	got, err := b.Read(msgs, time.Hour)
	want := []udpio.Message{{From: udpio.Path{Remote: addr(1), Local: addr(2).Addr()}, Data: []byte("hello")},
		{From: udpio.Path{Remote: addr(3), Local: addr(2).Addr()}, Data: []byte("from c")}}
	if err != nil || !slices.EqualFunc(msgs[:got], want, func(x, y udpio.Message) bool {
		return x.From == y.From && string(x.Data) == string(y.Data)
	}) {
		t.Errorf("%v, %v", msgs[:got], err)
	}
	if got, err := c.Read(msgs, 0); got != 0 || err != nil {
		t.Errorf("skipped member has %d, %v", got, err)
	}
	done := make(chan error)
	go func() {
		_, err := b.Read(msgs, time.Hour)
		done <- err
	}()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-done:
		if err != udpio.ErrClosed {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Close does not wake Read")
	}
	if err := b.Close(); err != udpio.ErrClosed {
		t.Error(err)
	}
	if err := b.Send(udpio.Path{Remote: addr(1)}, d); err != udpio.ErrClosed {
		t.Error(err)
	}
	n.Listen(addr(2)) // the address is free again
}
