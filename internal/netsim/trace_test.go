package netsim

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// replayed replays the rows given from the start.
func replayed(t testing.TB, rows string) Link {
	t.Helper()
	trace, err := ParseTrace(strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return trace.Link(0)
}

func TestTraceReplay(t *testing.T) {
	const rows = "seq,send_ms,arrive_ms\n# a comment\n7,1000,1010.5\n8,1020,1120\r\n9,1040,-1\n\n10,1060,1070\n"
	trace, err := ParseTrace(strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.rows) != 4 || trace.Period() != 80*ms {
		t.Errorf("%d rows, period %v", len(trace.rows), trace.Period())
	}
	const lost = -1
	for _, c := range []struct{ sent, offset, delay time.Duration }{
		{0, 0, 10500 * time.Microsecond},
		{9 * ms, 0, 10500 * time.Microsecond},
		{11 * ms, 0, 100 * ms},
		{40 * ms, 0, lost},
		{69 * ms, 0, 10 * ms},
		{71 * ms, 0, 10500 * time.Microsecond}, // nearest to the first row of the next round
		{80 * ms, 0, 10500 * time.Microsecond},
		{100 * ms, 0, 100 * ms},
		{0, 20 * ms, 100 * ms},
		{8_000_040 * ms, 0, lost},
	} {
		fate := trace.Link(c.offset).Send(c.sent, 60)
		if (fate.Copies == 0) != (c.delay == lost) || fate.Copies == 1 && fate.At[0]-c.sent != c.delay {
			t.Errorf("sent at %v+%v: %+v, want a delay of %v", c.sent, c.offset, fate, c.delay)
		}
	}
}

// A clump stays in order when the datagrams are not sent quite when they were in the recording, but
// what was overtaken there is so here.
func TestTraceReplayKeepsTheOrder(t *testing.T) {
	link := replayed(t, "0,0,60\n1,20,100\n2,40,100.1\n3,60,90\n4,80,100.2\n")
	for i, c := range []struct{ sent, arrives time.Duration }{
		{3 * ms, 63 * ms},
		{23 * ms, 103 * ms},
		{42 * ms, 103 * ms}, // 102.1
		{62 * ms, 92 * ms},
		{80 * ms, 103 * ms}, // 100.2
	} {
		fate := link.Send(c.sent, 60)
		if fate.Copies != 1 || fate.At[0] != c.arrives {
			t.Errorf("datagram %d: %+v, want it to arrive at %v", i, fate, c.arrives)
		}
	}
}

func TestParseTraceErrors(t *testing.T) {
	for rows, want := range map[string]string{
		"":                                  "no rows",
		"seq,send_ms,arrive_ms\n":           "no rows",
		"0,0,5\n1,20\n":                     "line 2: 2 fields",
		"0,0,5\nx,20,30\n":                  `line 2: seq "x"`,
		"0,0,5\n\n1,abc,30\n":               `line 3: send_ms: "abc"`,
		"0,0,5\n1,20,NaN\n":                 `line 2: arrive_ms: "NaN"`,
		"0,0,5\n1,20,1e300\n":               "line 2: arrive_ms",
		"0,0,5\n1,20,10\n":                  "line 2: it arrives before it was sent",
		"0,0,5\n1,0,10\n":                   "line 2: send_ms does not grow",
		"0,-20,5\n":                         "line 1: send_ms is negative",
		"0,0,5\nseq,send_ms,arrive_ms\n":    "line 2: seq",
		"0,0," + strings.Repeat("1", 1<<17): "longer than",
	} {
		_, err := ParseTrace(strings.NewReader(rows))
		if !errors.Is(err, ErrTrace) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %q, want %q", rows, err, want)
		}
	}
}

func FuzzParseTrace(f *testing.F) {
	f.Add("seq,send_ms,arrive_ms\n0,0,41.1\n1,20,-1\n", int64(30))
	f.Add("0,0,0", int64(-5))
	f.Add("1,1e9,1e9\n2,1000000000.1,-1", int64(1)<<62)
	f.Fuzz(func(t *testing.T, rows string, now int64) {
		trace, err := ParseTrace(strings.NewReader(rows))
		if err != nil {
			if !errors.Is(err, ErrTrace) {
				t.Errorf("%v is no ErrTrace", err)
			}
			return
		}
		fate := trace.Link(0).Send(time.Duration(now), 60)
		if fate.Copies < 0 || fate.Copies > 1 {
			t.Errorf("%d copies", fate.Copies)
		}
	})
}
