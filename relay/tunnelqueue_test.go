package relay

import (
	"bytes"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

func TestTunnelQueue(t *testing.T) {
	var q tunnelQueue
	numbered := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 1+i%100) }
	overdue, taken := 0, 0
	const ms = time.Millisecond
	for i := range 1000 {
		now := time.Duration(i) * ms
		overdue += q.push(now, numbered(i))
		if i%500 < 300 { // it stands still, for longer than anything may wait
			if n := len(q.waiting); n > int(tunnelWait/ms)+1 {
				t.Fatalf("%d wait", n)
			}
			continue
		}
		for len(q.waiting) > 0 {
			got := q.take(nil)
			if len(got) > tunnelRecord {
				t.Fatalf("a record of %d bytes", len(got))
			}
			for len(got) > 0 {
				d, rest, err := netproto.ParseTunnel(got)
				if err != nil || !bytes.Equal(d, numbered(overdue+taken)) {
					t.Fatalf("datagram %d: %x, %v", overdue+taken, d, err)
				}
				got = rest
				taken++
			}
		}
	}
	if overdue+taken != 1000 || overdue != 2*100 {
		t.Errorf("%d dropped, %d taken", overdue, taken)
	}
	for range 50 {
		q.push(time.Second, make([]byte, 1000))
	}
	for len(q.take(nil)) > 0 {
	}
	if cap(q.bytes) > tunnelKept {
		t.Errorf("an empty queue keeps %d bytes", cap(q.bytes))
	}
}

func TestTunnelQueueAllocs(t *testing.T) {
	var q tunnelQueue
	record, d := make([]byte, 0, tunnelRecord), make([]byte, 100)
	now := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() {
		for range 4 {
			now += time.Millisecond
			q.push(now, d)
		}
		record = q.take(record[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFlow(t *testing.T) {
	var f flow
	const ms = time.Millisecond
	steps := []struct {
		at      time.Duration
		wrote   int
		unacked int // after that
		age     time.Duration
	}{
		{0, 100, 100, 0},
		{20 * ms, 100, 200, 20 * ms},
		{40 * ms, 100, 200, 0}, // the first is there; the next to be written is timed
		{60 * ms, 100, 300, 0},
		{80 * ms, 0, 200, 20 * ms},
		{300 * ms, 0, 100, 240 * ms},
		{310 * ms, 0, 1, 250 * ms},
		{320 * ms, 0, 0, 0},
		{900 * ms, 0, 0, 0},
	}
	for i, s := range steps {
		f.wrote(s.at, s.wrote)
		if got := f.age(s.at, s.unacked); got != s.age {
			t.Errorf("step %d: %v, want %v", i, got, s.age)
		}
	}
}
