package netsim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// ErrTrace is matched by every error of ParseTrace that is about the contents.
var ErrTrace = errors.New("bad trace")

// maxTraceRows bounds what ParseTrace keeps: some 55 hours of 20 ms rows.
const maxTraceRows = 10_000_000

// Trace is a recorded network, one direction.
type Trace struct {
	rows   []traceRow    // in order of sending
	last   time.Duration // latest arrival
	start  time.Duration
	period time.Duration
}

type traceRow struct {
	sent  time.Duration // since the first row
	delay time.Duration
	lost  bool
	order bool // it arrives after all before it
}

// ParseTrace reads a trace: lines of "seq,send_ms,arrive_ms" in order of sending, an arrive_ms of
// -1 for a lost datagram, usually one row per 20 ms. A heading line, blank lines and lines
// that start with # are skipped. Errors that match ErrTrace name the line.
func ParseTrace(r io.Reader) (*Trace, error) {
	t := &Trace{}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || line[0] == '#' || len(t.rows) == 0 && strings.HasPrefix(line, "seq") {
			continue
		}
		if err := t.addRow(line); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrTrace, number, err)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("%w: a line is longer than %d bytes", ErrTrace, bufio.MaxScanTokenSize)
	} else if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	if len(t.rows) == 0 {
		return nil, fmt.Errorf("%w: it has no rows", ErrTrace)
	}
	// One more step of average length closes the loop.
	t.period = Slot
	if n := len(t.rows); n > 1 {
		span := t.rows[n-1].sent
		t.period = span + span/time.Duration(n-1)
	}
	return t, nil
}

func (t *Trace) addRow(line string) error {
	fields := strings.Split(line, ",")
	if len(fields) != 3 {
		return fmt.Errorf("%d fields instead of seq,send_ms,arrive_ms", len(fields))
	}
	if _, err := strconv.ParseInt(strings.TrimSpace(fields[0]), 10, 64); err != nil {
		return fmt.Errorf("seq %q is no integer", fields[0])
	}
	sent, err := parseMilliseconds(fields[1])
	if err != nil {
		return fmt.Errorf("send_ms: %w", err)
	}
	arrived, err := parseMilliseconds(fields[2])
	if err != nil {
		return fmt.Errorf("arrive_ms: %w", err)
	}
	if sent < 0 {
		return errors.New("send_ms is negative")
	}
	if len(t.rows) == maxTraceRows {
		return fmt.Errorf("more than %d rows", maxTraceRows)
	}
	row := traceRow{sent: sent, delay: arrived - sent, lost: arrived == -time.Millisecond}
	if !row.lost && row.delay < 0 {
		return errors.New("it arrives before it was sent")
	}
	if len(t.rows) == 0 {
		t.start = sent
	}
	if row.sent -= t.start; len(t.rows) > 0 && row.sent <= t.rows[len(t.rows)-1].sent {
		return errors.New("send_ms does not grow")
	}
	if row.order = !row.lost && arrived >= t.last; row.order {
		t.last = arrived
	}
	t.rows = append(t.rows, row)
	return nil
}

// parseMilliseconds accepts up to 1e9 ms (11 days) either way.
func parseMilliseconds(s string) (time.Duration, error) {
	ms, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(ms) || math.Abs(ms) > 1e9 {
		return 0, fmt.Errorf("%q is no time in milliseconds", s)
	}
	return time.Duration(math.Round(ms * float64(time.Millisecond))), nil
}

// Period returns the time after which the trace begins again.
func (t *Trace) Period() time.Duration { return t.period }

// Link replays the trace from offset on, for ever: a datagram sent at time t meets the fate of
// the row nearest in send time to t+offset, where the first row is time zero. What arrives in order
// in the trace does so here, be the times of sending others than there.
func (t *Trace) Link(offset time.Duration) Link { return &replay{trace: t, offset: offset} }

type replay struct {
	trace  *Trace
	offset time.Duration
	last   time.Duration // latest arrival
}

func (r *replay) Send(now time.Duration, _ int) Fate {
	t := (now + r.offset) % r.trace.period
	if t < 0 {
		t += r.trace.period
	}
	row := r.trace.nearest(t)
	if row.lost {
		return Lost
	}
	at := now + row.delay
	if row.order {
		at = max(at, r.last)
		r.last = at
	}
	return Arrive(at)
}

// nearest returns the row nearest to t, 0 <= t < period; the first row also follows the last.
func (t *Trace) nearest(at time.Duration) traceRow {
	i := sort.Search(len(t.rows), func(i int) bool { return t.rows[i].sent > at })
	before := t.rows[i-1] // the first row is at zero
	after, distance := t.rows[0], t.period-at
	if i < len(t.rows) {
		after, distance = t.rows[i], t.rows[i].sent-at
	}
	if distance < at-before.sent {
		return after
	}
	return before
}
