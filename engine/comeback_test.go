package engine

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func newComeback(seed uint64, giveUp time.Duration) *comeback {
	return &comeback{giveUp: giveUp, random: rand.New(rand.NewPCG(seed, seed)).Float64}
}

var errDown = fmt.Errorf("%w: down", io.EOF)

// The relay is gone for any time and every attempt takes any time up to its limit: the call is back within seconds of
// its return, and there are few attempts meanwhile.
func TestComebackAfterAnyOutage(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		b := newComeback(seed, 0)
		start := time.Duration(rng.Int64N(int64(time.Hour)))
		down := start + time.Duration(rng.Int64N(int64([]time.Duration{time.Second, 10 * time.Second, 5 * time.Minute}[seed%3])))
		b.lost(start, errDown)
		tries, now := 0, start
		for {
			if b.due < now {
				t.Fatalf("seed %d: an attempt that was due before", seed)
			}
			if tries == 0 && b.due > start+firstTry {
				t.Fatalf("seed %d: the first attempt comes after %v", seed, b.due-start)
			}
			now = b.due
			limit, _ := b.try(now, 0)
			tries++
			if now >= down {
				break
			}
			if seed%2 == 0 { // else refused at once
				now += time.Duration(rng.Int64N(int64(limit)))
			}
			if err := b.failed(now, errDown); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if late := now - down; late > retryMost+tryTime {
			t.Errorf("seed %d: back %v after the relay", seed, late)
		}
		if most := 8 + int((down-start)/time.Second); tries > most {
			t.Errorf("seed %d: %d attempts in %v", seed, tries, down-start)
		}
		if gap := b.back(now); gap != now-start || b.away {
			t.Errorf("seed %d: gap %v", seed, gap)
		}
	}
}

// The clients of a relay that comes back do not come all at once.
func TestComebackOfManyIsSpread(t *testing.T) {
	const clients, slot = 2000, 100 * time.Millisecond
	const returns = 20 * time.Second
	in := map[time.Duration]int{}
	var last time.Duration
	for seed := range uint64(clients) {
		b := newComeback(seed, 0)
		b.lost(0, errDown)
		for b.due < returns {
			b.try(b.due, 0)
			_ = b.failed(b.due, errDown)
		}
		in[b.due/slot]++
		last = max(last, b.due)
	}
	for at, n := range in {
		if n > clients/12 {
			t.Errorf("%d of %d come within %v, %v after it", n, clients, slot, at*slot-returns)
		}
	}
	if last > returns+retryMost {
		t.Errorf("the last one comes %v after it", last-returns)
	}
}

func TestComebackGivesUp(t *testing.T) {
	refused := fmt.Errorf("%w: no", ErrRefused)
	tests := []struct {
		name   string
		giveUp time.Duration
		err    error
		want   error
		after  time.Duration // at least
	}{
		{"another certificate", 0, &CertificateChangedError{}, nil, 0},
		{"no voice", 0, ErrNoVoice, ErrNoVoice, 0},
		{"refused", 0, refused, ErrRefused, refusedFor},
		{"for too long", time.Minute, errDown, ErrConnectionLost, time.Minute},
	}
	for _, tt := range tests {
		b := newComeback(1, tt.giveUp)
		b.lost(0, errDown)
		var final error
		for final == nil && b.due < time.Hour {
			b.try(b.due, 0)
			final = b.failed(b.due, tt.err)
		}
		if final == nil || tt.want != nil && !errors.Is(final, tt.want) || b.due < tt.after || b.due > tt.after+2*retryMost {
			t.Errorf("%s: after %v with %v", tt.name, b.due, final)
		}
	}

	// A relay that refuses and is away in turns is one that is being started: nothing is given up.
	b := newComeback(1, 0)
	b.lost(0, errDown)
	for i := 0; b.due < time.Hour; i++ {
		b.try(b.due, 0)
		if err := b.failed(b.due, []error{refused, refused, errDown}[i%3]); err != nil {
			t.Fatalf("after %v: %v", b.due, err)
		}
	}
}

func TestComebackTells(t *testing.T) {
	b := newComeback(1, 0)
	var said []string
	look := func(now time.Duration, voice bool) {
		if e, ok := b.look(now, voice); ok {
			said = append(said, fmt.Sprintf("%v %v", e.Since, e.Voice))
		}
	}
	look(0, true)
	b.lost(10*time.Second, errDown)
	for now := 10 * time.Second; now < 110*time.Second; now += 100 * time.Millisecond {
		since := now - 10*time.Second
		look(now, since > 2*time.Second && since < 5*time.Second)
	}
	want := "0s false, 2.1s true, 4s true, 5s false, 8s false, 16s false, 32s false, 1m4s false"
	if got := strings.Join(said, ", "); got != want {
		t.Errorf("said %s, want %s", got, want)
	}
	count, total, reason := b.stats(110 * time.Second)
	if count != 0 || total != 100*time.Second || reason != "the relay closed the connection" {
		t.Errorf("%d, %v, %q", count, total, reason)
	}
	b.back(110 * time.Second)
	look(110*time.Second, true)
	if count, total, reason = b.stats(120 * time.Second); count != 1 || total != 100*time.Second || reason != "" || len(said) != 8 {
		t.Errorf("%d, %v, %q, %v", count, total, reason, said)
	}
}

// News of the path makes an attempt due at once, and breaks off one that has been under way for long.
func TestComebackHearsNews(t *testing.T) {
	b := newComeback(1, 0)
	if b.news(0) {
		t.Error("nothing is under way")
	}
	b.lost(0, errDown)
	for range 6 {
		b.try(b.due, 0)
		_ = b.failed(b.due, errDown)
	}
	now := b.due - retryLeast/2
	if b.news(now) || b.due != now {
		t.Errorf("due %v, want %v", b.due, now)
	}
	b.try(now, 0)
	if b.news(now + tryStuck - 1) {
		t.Error("a young attempt is broken off")
	}
	if !b.news(now + tryStuck) {
		t.Error("an old attempt goes on")
	}
}

func TestReasons(t *testing.T) {
	for err, want := range map[error]string{
		gone(io.EOF):      "the relay closed the connection",
		gone(errMoved):    "our address has changed",
		gone(errNoAnswer): "the relay does not answer",
		errors.New("odd"): "odd",
		fmt.Errorf("%w: it rests", ErrServerClosed): "the relay was shut down: it rests",
	} {
		if got := reasonOf(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
