package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/stream"
)

// tickTime is how often the tests look, as a Call does.
const tickTime = 100 * time.Millisecond

// aCall are the signs of life of a call in which all is well at now: we talk, Bob talks, all answer.
func aCall(now time.Duration) vitals {
	return vitals{
		relay: "192.0.2.1:9999", room: "the room \"tea\"", phrase: true,
		answered: true, asked: now.Truncate(time.Second), word: now, voice: now,
		peers: 1, hearers: 1, reported: now.Truncate(2 * time.Second),
		input: true, in: deviceSigns{moved: now, sound: now}, out: deviceSigns{moved: now, sound: now}, sounded: now,
	}
}

// nobodyTalks is the same while nobody talks.
func nobodyTalks(now time.Duration, v *vitals) {
	v.asked, v.word, v.voice = now.Truncate(probeIdle), now.Truncate(probeIdle), 0
}

// unanswered is what the probes say when nothing has been answered since at.
func unanswered(now, at time.Duration, v *vitals) { unprobed(now, at, probeEvery, v) }

// unprobed is that with a probe every so often.
func unprobed(now, at, every time.Duration, v *vitals) {
	v.doubt = at.Truncate(every)
	if asked := v.doubt + every; now >= asked {
		v.waiting, v.asked = true, asked
	}
	v.word = v.doubt
}

// impassable is what the probes say of voice that is not let through since at, though they are.
func impassable(now, at time.Duration) passage {
	p := passage{since: at.Truncate(probeEvery)}
	p.shut = now >= p.since+passGaps*probeEvery
	return p
}

// bobDropped is Bob, of whom a datagram has been dropped every 60 ms since at.
func bobDropped(now, at time.Duration, reason stream.Drop, heard bool) []dropped {
	u := stream.Unheard{Session: 7, Opened: heard}
	for t := at; t <= now; t += 60 * time.Millisecond {
		if u.Count++; u.Count == 1 {
			u.First, u.Reason = t, reason
		}
		u.Last = t
	}
	return []dropped{{u, "Bob", true}}
}

// Every state in which somebody is not heard or does not hear is said within 4 s of its begin, once, with the
// remedy, and again when it ends; nothing else is.
func TestFaults(t *testing.T) {
	const begin, end = 20*time.Second + 100*time.Millisecond, 60*time.Second + 100*time.Millisecond
	broken := errors.New("unplugged")
	tests := []struct {
		name string
		// sick changes the signs of life of a call that is well; the fault is there from begin on.
		sick   func(now time.Duration, v *vitals)
		kind   FaultKind
		within time.Duration // 0: 4 s
		says   string        // in the text
		ends   string        // "" = it does not end
	}{
		{"UDP stops both ways", func(now time.Duration, v *vitals) { unanswered(now, begin, v); v.voice = begin },
			FaultUDPStopped, 0, "192.0.2.1:9999", "datagrams come from the relay again"},
		{"UDP stops both ways while only others talk", func(now time.Duration, v *vitals) {
			unanswered(now, begin, v)
			v.voice = begin
		}, FaultUDPStopped, 0, "check your network", "again"},
		{"UDP stops both ways, and voice comes back before an answer", func(now time.Duration, v *vitals) {
			unanswered(now, begin, v)
			if v.voice = begin; now > end-2*time.Second {
				v.voice = now
			}
		}, FaultUDPStopped, 0, "you hear nobody", "again"},
		{"our datagrams do not arrive", func(now time.Duration, v *vitals) { unanswered(now, begin, v) },
			FaultNotHeard, 0, "what your network lets out", "arrives at the relay again"},
		{"our datagrams do not arrive, and the relay tells later of the last that did", func(now time.Duration, v *vitals) {
			unanswered(now, begin, v)
			v.word = min(now, begin+1900*time.Millisecond)
		}, FaultNotHeard, 0, "what your network lets out", "arrives at the relay again"},
		{"UDP stops both ways while nobody talks", func(now time.Duration, v *vitals) {
			nobodyTalks(now, v)
			unprobed(now, begin, probeIdle, v)
		}, FaultUDPStopped, 0, "nothing comes from 192.0.2.1", "datagrams come"},
		{"our voice does not arrive, but probes do", func(now time.Duration, v *vitals) { v.up = impassable(now, begin) },
			FaultNotHeard, 0, "nobody hears you", "arrives at the relay again"},
		{"others' voice does not arrive, but answers do", func(now time.Duration, v *vitals) { v.down = impassable(now, begin) },
			FaultNotHearing, 0, "others talk, and no voice arrives here from 192.0.2.1", "voice comes from the relay again"},
		{"the breaker opens", func(_ time.Duration, v *vitals) { v.stopped = "stopped: the relay is silent" },
			FaultSendingStopped, 0, "sending has stopped: the relay is silent", "sent again"},
		{"all others leave", func(_ time.Duration, v *vitals) { v.peers, v.listed = 0, begin },
			FaultAlone, 0, `the room "tea"`, "not alone"},
		{"all others are deaf", func(_ time.Duration, v *vitals) { v.hearers = 0 },
			FaultNobodyListens, 0, "tell them another way", "you are heard again"},
		{"all others are deaf when we say our last word", func(now time.Duration, v *vitals) {
			nobodyTalks(now, v)
			v.hearers, v.reported = 0, begin
		}, FaultNobodyListens, 0, "", "you are heard again"},
		{"the relay has others not hear us", func(now time.Duration, v *vitals) {
			v.hearers = 0
			if v.silenced = 0; now >= begin {
				v.silenced = end
			}
		}, FaultSilenced, 0, "the relay's operator has muted you for 40s", "not muted by others any more"},
		{"no key for voice comes", func(_ time.Duration, v *vitals) { v.keyless, v.begun = true, begin },
			FaultNoKeys, 9 * time.Second, "192.0.2.1:9999 has sent no key for voice; its version", "there is a key"},
		{"one of two others cannot open our voice", func(_ time.Duration, v *vitals) { v.peers, v.unopened = 2, 1 },
			FaultNotUnderstood, 0, "1 of the others cannot hear you: your passphrase", "nobody is left"},
		{"both of two others cannot open our voice", func(_ time.Duration, v *vitals) { v.peers, v.unopened = 2, 2 },
			FaultNotUnderstood, 0, "none of the others can hear you", "nobody is left"},
		{"two cannot open our voice, and one of them says so later", func(now time.Duration, v *vitals) {
			v.peers, v.unopened = 2, 1
			if now >= begin+time.Second {
				v.unopened = 2
			}
		}, FaultNotUnderstood, 0, "none of the others can hear you", "nobody is left"},
		{"one who cannot open our voice talks too", func(now time.Duration, v *vitals) {
			v.unopened, v.dropped = 1, bobDropped(now, begin-time.Second, stream.DropForged, false)
		}, FaultPassphrase, 0, "nor can Bob hear you", "you hear Bob now"},
		{"the input breaks", func(_ time.Duration, v *vitals) { v.input, v.in.err = false, broken },
			FaultInputFailed, 0, "(unplugged); check it, then join again", ""},
		{"the input blocks", func(_ time.Duration, v *vitals) { v.in.moved, v.sounded = begin, begin },
			FaultInputStuck, 0, "plugged in", "works again"},
		{"the output breaks", func(_ time.Duration, v *vitals) { v.out.err = broken },
			FaultOutputFailed, 0, "(unplugged); check it, then join again", ""},
		{"the output blocks", func(_ time.Duration, v *vitals) { v.out.moved = begin },
			FaultOutputStuck, 0, "plugged in", "works again"},
		{"another passphrase", func(now time.Duration, v *vitals) { v.dropped = bobDropped(now, begin, stream.DropForged, false) },
			FaultPassphrase, 0, "cannot hear Bob, nor can Bob hear you: your passphrase is not the one", "you hear Bob now"},
		{"no passphrase", func(now time.Duration, v *vitals) {
			v.phrase, v.dropped = false, bobDropped(now, begin, stream.DropForged, false)
		}, FaultPassphrase, 0, "a passphrase is used there, and none here", "you hear Bob now"},
		{"another passphrase, a few words", func(now time.Duration, v *vitals) {
			v.dropped = bobDropped(min(now, begin+time.Second), begin, stream.DropForged, false)
		}, FaultPassphrase, 0, "Bob", "you hear Bob now"},
		{"no key of the epoch", func(now time.Duration, v *vitals) { v.dropped = bobDropped(now, begin, stream.DropEpoch, false) },
			FaultRoomKey, 0, "cannot hear Bob", "you hear Bob again"},
		{"an old key of the epoch", func(now time.Duration, v *vitals) { v.dropped = bobDropped(now, begin, stream.DropForged, true) },
			FaultRoomKey, 0, "not told both of you the same of the room", "you hear Bob again"},
		{"no sense", func(now time.Duration, v *vitals) { v.dropped = bobDropped(now, begin, stream.DropMalformed, true) },
			FaultGarbled, 0, "cannot hear Bob", "you hear Bob now"},
		{"no decoder", func(now time.Duration, v *vitals) { v.dropped = bobDropped(now, begin, stream.DropDecoder, false) },
			FaultGarbled, 0, "cannot hear Bob", "you hear Bob now"},
		{"a stranger", func(now time.Duration, v *vitals) {
			v.dropped = bobDropped(now, begin, stream.DropUnknown, false)
			v.dropped[0].name = ""
		}, FaultStranger, 0, "session 7", "in the list"},
		{"a file that is silent for long", func(_ time.Duration, v *vitals) { v.sounded = begin - 25*time.Second },
			FaultInputSilent, 36 * time.Second, "microphone is silent", "sound comes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			within := tt.within
			if within == 0 {
				within = 4 * time.Second
			}
			var m monitor
			var got []Fault
			var at []time.Duration
			for now := time.Duration(0); now < end+10*time.Second; now += tickTime {
				v := aCall(now)
				if now >= begin && now < end || tt.ends == "" && now >= end {
					tt.sick(now, &v)
				} else if now >= end && len(v.dropped) == 0 && tt.kind >= FaultPassphrase { // heard again
					v.dropped = []dropped{{stream.Unheard{Session: 7, Reason: stream.DropForged, Opened: true, Last: end}, "Bob", true}}
				}
				changes, next := m.look(now, &v)
				if len(changes) == 0 && next <= now {
					t.Fatalf("at %v the next look is due at %v", now, next)
				}
				for _, f := range changes {
					got, at = append(got, f), append(at, now)
				}
			}
			want := 2
			if tt.ends == "" {
				want = 1
			}
			if len(got) != want {
				t.Fatalf("said %+v", got)
			}
			on := got[0]
			if on.Kind != tt.kind || !on.On || !strings.Contains(on.Text, tt.says) || at[0] < begin || at[0] > begin+within {
				t.Errorf("after %v: %+v", at[0]-begin, on)
			}
			if strings.ContainsAny(on.Text, "{}") {
				t.Errorf("%q", on.Text)
			}
			if want == 2 && (got[1].Kind != tt.kind || got[1].On || !strings.Contains(got[1].Text, tt.ends) || at[1] > end+4*time.Second || at[1] < begin+within) {
				t.Errorf("ended after %v: %+v", at[1]-end, got[1])
			}
			s := m.stats(end, nil)
			if len(s) != 1 || s[0].Count != 1 || s[0].On != (tt.ends == "") || s[0].Total < 4*time.Second || s[0].Total > 70*time.Second {
				t.Errorf("%+v", s)
			}
		})
	}
}

// From the start: what never worked.
func TestFaultsFromTheStart(t *testing.T) {
	tests := []struct {
		name   string
		sick   func(now time.Duration, v *vitals)
		kind   FaultKind
		within time.Duration
	}{
		{"UDP never works", func(_ time.Duration, v *vitals) {
			v.answered, v.waiting, v.asked, v.word, v.voice, v.hearers = false, true, 0, 0, 0, -1
		}, FaultNoUDP, 4 * time.Second},
		{"alone", func(_ time.Duration, v *vitals) { v.peers, v.hearers = 0, 0 }, FaultAlone, 4 * time.Second},
		{"a FIFO that nobody writes", func(_ time.Duration, v *vitals) { v.in.moved, v.sounded = 0, 0 }, FaultInputStuck, 4 * time.Second},
		{"a switched off microphone", func(_ time.Duration, v *vitals) { v.sounded = 0 }, FaultInputSilent, 6 * time.Second},
	}
	for _, tt := range tests {
		var m monitor
		var got []string
		for now := time.Duration(0); now < 100*time.Second; now += tickTime {
			v := aCall(now)
			tt.sick(now, &v)
			for _, f := range slices.Clone(m.look2(now, &v)) {
				got = append(got, fmt.Sprint(f.Kind, f.On))
				if now > tt.within {
					t.Errorf("%s: %v after %v", tt.name, f.Kind, now)
				}
			}
		}
		if len(got) != 1 || got[0] != fmt.Sprint(tt.kind, true) {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func (m *monitor) look2(now time.Duration, v *vitals) []Fault {
	changes, _ := m.look(now, v)
	return changes
}

// An ordinary call has no faults, whatever the network does below an outage.
func TestNoFaults(t *testing.T) {
	tests := map[string]func(now time.Duration, v *vitals){
		"all is well": func(time.Duration, *vitals) {},
		"nobody talks": func(now time.Duration, v *vitals) {
			nobodyTalks(now, v)
			v.hearers = -1
		},
		"muted": func(_ time.Duration, v *vitals) { v.muted = true },
		"muted for long, then not": func(now time.Duration, v *vitals) {
			if v.muted = now < 90*time.Second; !v.muted {
				v.unmuted = 90 * time.Second
			}
			v.sounded = 0 // speaks at 94 s
			if now > 94*time.Second {
				v.sounded = now
			}
		},
		"listen only":                    func(_ time.Duration, v *vitals) { v.input, v.in.moved, v.sounded = false, 0, 0 },
		"an outage of 1 s every 15 s":    func(now time.Duration, v *vitals) { outage(now, 15*time.Second, time.Second, v) },
		"the relay stands still for 2 s": func(now time.Duration, v *vitals) { outage(now, 40*time.Second, 2*time.Second, v) },
		"a new member whose path takes a second": func(now time.Duration, v *vitals) {
			if now >= 50*time.Second {
				v.listed = 50 * time.Second
			}
			if now < 51*time.Second {
				v.hearers = 0
			}
			v.reported = now
			if now < 50*time.Second {
				v.hearers = 1
			}
		},
		"a datagram that was tampered with": func(_ time.Duration, v *vitals) {
			v.dropped = []dropped{{stream.Unheard{Session: 7, Reason: stream.DropForged, Count: 2, First: time.Second, Last: time.Second}, "Bob", true}}
		},
		"the list comes late": func(now time.Duration, v *vitals) {
			if now > 10*time.Second && now < 12*time.Second {
				v.dropped = bobDropped(now, 10*time.Second, stream.DropUnknown, false)
			}
		},
		"the key comes late": func(now time.Duration, v *vitals) {
			if now > 10*time.Second && now < 12*time.Second {
				v.dropped = bobDropped(now, 10*time.Second, stream.DropEpoch, true)
			}
		},
		"the voice of four others is louder": func(_ time.Duration, v *vitals) { v.peers, v.hearers = 5, 5 },
		"an old relay":                       func(_ time.Duration, v *vitals) { v.hearers, v.reported = -1, 0 },
		"a file with pauses": func(now time.Duration, v *vitals) {
			v.sounded = max(time.Second, now.Truncate(40*time.Second))
		},
	}
	for name, change := range tests {
		var m monitor
		for now := time.Duration(0); now < 100*time.Second; now += tickTime {
			v := aCall(now)
			change(now, &v)
			for _, f := range m.look2(now, &v) {
				t.Errorf("%s: at %v %+v", name, now, f)
			}
		}
	}
}

// outage lets nothing through for so long every so often.
func outage(now, every, long time.Duration, v *vitals) {
	if at := now.Truncate(every); at > 0 && now-at < long {
		unanswered(now, at, v)
		v.voice = at
	}
}

// What did not happen while the client itself stood still says nothing.
func TestFaultsAfterStandingStill(t *testing.T) {
	for _, long := range []time.Duration{2 * time.Second, 30 * time.Second, time.Hour} {
		var m monitor
		at := 20 * time.Second
		for now := time.Duration(0); now < 2*time.Hour; now += tickTime {
			v := aCall(now)
			if now == at {
				now += long
			}
			if now >= at && now < at+long+2*time.Second {
				v = aCall(at)
				unanswered(now, at, &v)
				v.voice = at
			}
			for _, f := range m.look2(now, &v) {
				t.Fatalf("stopped for %v: %v later %+v", long, now-at-long, f)
			}
			if now > at+long+time.Minute {
				break
			}
		}
	}
}

// When nothing happens, the next change comes when look has said.
func TestNextLook(t *testing.T) {
	var m monitor
	v := aCall(20 * time.Second)
	unanswered(21*time.Second, 20*time.Second, &v)
	v.voice, v.input = 0, false
	for now := 21 * time.Second; ; {
		v.out.moved = now
		changes, next := m.look(now, &v)
		if len(changes) > 0 {
			if now != 21*time.Second+pathDead || changes[0].Kind != FaultUDPStopped {
				t.Errorf("at %v %+v", now, changes)
			}
			return
		}
		now = min(next, now+400*time.Millisecond)
	}
}

// A machine so busy that the client stands still again and again still notices what lasts.
func TestFaultsOnABusyMachine(t *testing.T) {
	var m monitor
	for now := time.Duration(0); now < time.Minute; now += 1500 * time.Millisecond {
		for range 5 {
			now += tickTime
			v := aCall(now)
			v.sounded = 0
			if said := m.look2(now, &v); len(said) > 0 {
				if said[0].Kind != FaultInputSilent {
					t.Errorf("%+v", said)
				}
				return
			}
		}
	}
	t.Error("nothing said")
}

// A path that comes and goes is not told of at every datagram, and a fault in force is not told again.
func TestFaultsDoNotFlap(t *testing.T) {
	var m monitor
	told := 0
	for now := time.Duration(0); now < 100*time.Second; now += tickTime {
		v := aCall(now)
		if at := now.Truncate(5 * time.Second); now-at > 600*time.Millisecond { // works for 0.6 s of 5
			unanswered(now, at+600*time.Millisecond, &v)
			v.voice = at + 600*time.Millisecond
		}
		told += len(m.look2(now, &v))
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// A fault that a new one takes the place of is over.
func TestFaultsOfThoseWhoLeave(t *testing.T) {
	var m monitor
	var said []string
	for now := time.Duration(0); now < 20*time.Second; now += tickTime {
		v := aCall(now)
		if now > 5*time.Second && now < 15*time.Second {
			v.dropped = bobDropped(now, 5*time.Second, stream.DropForged, false)
		}
		for _, f := range m.look2(now, &v) {
			said = append(said, fmt.Sprint(f.Kind, " ", f.On, " ", f.Name, " ", f.Text))
		}
	}
	if len(said) != 2 || !strings.HasSuffix(said[1], "passphrase false Bob Bob has left") {
		t.Errorf("%q", said)
	}
}

// The relay's word may come while we look: then it is later than the look.
func TestFaultsToldWhileWeLook(t *testing.T) {
	for _, sick := range []func(v *vitals){
		func(v *vitals) { v.peers, v.unopened = 2, 2 },
		func(v *vitals) { v.hearers = 0 },
	} {
		var m monitor
		var said []string
		for now := time.Duration(0); now < 20*time.Second; now += tickTime {
			v := aCall(now)
			if now >= 10*time.Second {
				v.reported = now + now/tickTime%3*time.Millisecond
				sick(&v)
			}
			for _, f := range m.look2(now, &v) {
				said = append(said, fmt.Sprint(f.Kind, " ", f.On, " ", now))
			}
		}
		if len(said) != 1 {
			t.Errorf("%q", said)
		}
	}
}

// When those who did not hear us have left, nobody hears us either.
func TestNobodyIsLeftToListen(t *testing.T) {
	var m monitor
	var said []string
	for now := time.Duration(0); now < 20*time.Second; now += tickTime {
		v := aCall(now)
		if v.hearers = 0; now > 10*time.Second {
			v.peers, v.listed = 0, 10*time.Second
		}
		for _, f := range m.look2(now, &v) {
			said = append(said, fmt.Sprint(f.Kind, " ", f.On, " ", f.Text))
		}
	}
	if len(said) != 3 || said[1] != "nobody_listens false nobody is there any more who did not hear you" || !strings.HasPrefix(said[2], "alone true") {
		t.Errorf("%q", said)
	}
}

// However many come and go, little is remembered; and while all is well nothing is allocated.
func TestMonitorIsBounded(t *testing.T) {
	var m monitor
	now := time.Duration(0)
	for i := range 1000 {
		for range 20 {
			now += tickTime
			v := aCall(now)
			v.dropped = bobDropped(now, now-2*time.Second, stream.DropForged, false)
			v.dropped[0].Session = uint32(i)
			m.look(now, &v)
		}
	}
	v := aCall(now)
	m.look(now, &v)
	if n := len(m.stats(now, nil)); n > mostFaults || len(m.states) != len(m.order) {
		t.Errorf("%d faults, %d and %d states", n, len(m.states), len(m.order))
	}
	m = monitor{}
	if n := testing.AllocsPerRun(100, func() { now += tickTime; v := aCall(now); m.look(now, &v) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
