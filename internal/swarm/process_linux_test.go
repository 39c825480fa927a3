package swarm

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"
)

func TestListenerIsFound(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::]:0"} {
		l, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		port := l.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		if pid := listenerOf(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)); pid != os.Getpid() {
			t.Errorf("%s: process %d, want %d", address, pid, os.Getpid())
		}
		if pid := listenerOf(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)); pid != 0 {
			t.Errorf("process %d on another host", pid)
		}
		l.Close()
		if pid := listenerOf(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)); pid != 0 {
			t.Errorf("process %d has a port that is free", pid)
		}
	}
}

func TestBacklogDrops(t *testing.T) {
	const text = "03df4eaf 00001a0b 00000000 00000000\n039b0dc2 00000001 00000000 00000000\n"
	if n := sumBacklogDrops([]byte(text)); n != 0x1a0c {
		t.Errorf("%d packets", n)
	}
}

func TestUnconnected(t *testing.T) {
	const text = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  431: 0100007F:270F 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 33145 2 00000000 0
  432: 0100007F:270F 0100007F:9C41 01 00000000:00000000 00:00000000 00000000     0        0 33146 2 00000000 0
  433: 0100007F:2710 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 33147 2 00000000 0
  434: 00000000:270F 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 33148 2 00000000 7
`
	if got, dropped := unconnected([]byte(text), 9999); !slices.Equal(got, []string{"33145", "33148"}) || dropped != 7 {
		t.Errorf("got %v, %d dropped", got, dropped)
	}
}

func TestUsage(t *testing.T) {
	before, err := usageOf(os.Getpid())
	if err != nil || before.cpu <= 0 || before.memory < 1<<20 {
		t.Errorf("this process: %+v, %v", before, err)
	}
	for { // whatever the scheduler does, work uses CPU time
		if after, err := usageOf(os.Getpid()); err != nil || after.cpu > before.cpu {
			break
		}
	}
	for _, pid := range []int{-1, 0, 1 << 22} {
		if _, err := usageOf(pid); err == nil {
			t.Errorf("process %d is there", pid)
		}
	}
}

func TestBusyTime(t *testing.T) {
	const text = "cpu  100 200 300 99999 88888 10 20 70 5 6\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
	if got := busyTime([]byte(text)); got != 7*time.Second {
		t.Errorf("got %v", got)
	}
	if busyTime(nil) != 0 || hostUsage() == 0 {
		t.Errorf("nothing is %v, this host %v", busyTime(nil), hostUsage())
	}
}
