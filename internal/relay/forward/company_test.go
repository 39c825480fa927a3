package forward

import (
	"testing"
	"time"
)

// Who is worth waiting for, and until when: those expected within the wait, or 2 ms ago at most; 2 ms are the wait too
// where only two talk.
func TestCompany(t *testing.T) {
	const now, ms, step = time.Hour, time.Millisecond, 20 * time.Millisecond
	for _, tt := range []struct {
		name     string
		next     []time.Duration // when each of the others is expected, from now on
		expected int
		until    time.Duration
	}{
		{"nobody", nil, 0, 0},
		{"one other, within 2 ms", []time.Duration{1900 * time.Microsecond}, 1, 2 * ms},
		{"one other, later", []time.Duration{2100 * time.Microsecond}, 0, 0},
		{"two others, within the wait", []time.Duration{3 * ms, 10 * ms}, 1, 5 * ms},
		{"two others, both", []time.Duration{3 * ms, 5 * ms}, 2, 6 * ms},
		{"overdue by 1.9 ms", []time.Duration{-1900 * time.Microsecond, 10 * ms}, 1, ms / 10},
		{"overdue by 2.1 ms", []time.Duration{-2100 * time.Microsecond, 10 * ms}, 0, 0},
		{"one other, and one who has paused", []time.Duration{3 * ms, step - idleAfter - ms}, 0, 0},
	} {
		st := &stage{places: []*turn{nil, {seen: now, step: step}}} // who has just sent
		for _, next := range tt.next {
			st.places = append(st.places, &turn{seen: now + next - step, step: step})
		}
		if until, expected := st.company(now, 6*ms); expected != tt.expected || until != now+tt.until {
			t.Errorf("%s: %d until %v from now, want %d until %v", tt.name, expected, until-now, tt.expected, tt.until)
		}
	}
}
