package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func addrs(text string) (all []netip.Addr) {
	for _, a := range strings.Fields(text) {
		all = append(all, netip.MustParseAddr(a))
	}
	return all
}

// happens is something that happens to a race at a time in milliseconds.
type happens struct {
	at   int
	what string // "4" or "6" and what the resolver says: addresses, "none" or "error"; or "failed"
}

func TestRace(t *testing.T) {
	const a4, b4, a6, b6 = "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"
	for _, tt := range []struct {
		name   string
		known  string // from before
		events []happens
		begun  string // when which address is dialed
		over   int    // when there is nothing left to wait for, in ms; -1: not within 10 s
	}{
		{"both families", "", []happens{{10, "6 " + a6}, {20, "4 " + a4}}, "20:" + a6 + " 270:" + a4, -1},
		{"one family waits for the other", "", []happens{{10, "4 " + a4}, {40, "6 " + a6}}, "40:" + a6 + " 290:" + a4, -1},
		{"but not for long", "", []happens{{10, "4 " + a4}, {400, "6 " + a6}}, "60:" + a4 + " 400:" + a6, -1},
		{"IPv6 is never answered", "", []happens{{10, "4 " + a4}}, "60:" + a4, -1},
		{"families in turn", "", []happens{{10, "4 " + a4 + " " + b4}, {10, "6 " + a6 + " " + b6}},
			"10:" + a6 + " 260:" + a4 + " 510:" + b6 + " 760:" + b4, -1},
		{"a failure hurries", "", []happens{{10, "4 " + a4 + " " + b4}, {10, "6 none"}, {20, "failed"}, {30, "failed"}},
			"10:" + a4 + " 20:" + b4, 30},
		{"no such name", "", []happens{{10, "4 none"}, {20, "6 none"}}, "", 20},
		{"no resolver", "", []happens{{5000, "4 error"}, {5000, "6 error"}}, "", 5000},
		{"an address that is known, no resolver", a4, nil, "250:" + a4, -1},
		{"it fails, no resolver", a4 + " " + a6, []happens{{260, "failed"}, {300, "failed"}}, "250:" + a6 + " 260:" + a4, 300},
		{"it fails, the other is silent", a4 + " " + a6, []happens{{260, "failed"}}, "250:" + a6 + " 260:" + a4, 2010},
		{"a name that has changed", a4, []happens{{20, "4 " + b4}, {30, "6 none"}}, "30:" + b4, -1},
		{"it changes late", a4, []happens{{400, "4 " + b4}, {400, "6 none"}}, "250:" + a4 + " 500:" + b4, -1},
		{"it has lost a family", a4 + " " + a6, []happens{{20, "6 none"}, {30, "4 " + a4}}, "30:" + a4, -1},
		{"the resolver denies all", a4, []happens{{20, "4 none"}, {30, "6 none"}}, "30:" + a4, -1},
		{"one family is not answered", a4 + " " + a6, []happens{{20, "4 " + b4}, {30, "6 error"}}, "30:" + a6 + " 280:" + b4, -1},
	} {
		var where whereabouts
		for _, a := range addrs(tt.known) {
			where.found(familyOf(a), []netip.Addr{a})
		}
		r := newRace(0, &where, [2]bool{true, true})
		var begun []string
		over := -1
		for ms := 0; ms < 10000 && over < 0; ms += 10 {
			now := time.Duration(ms) * time.Millisecond
			for _, e := range tt.events {
				switch what, all, _ := strings.Cut(e.what, " "); {
				case e.at != ms:
				case what == "failed":
					r.failed(now)
				case all == "none", all == "error":
					r.resolved(now, familyNamed(what), nil, all == "none")
				default:
					r.resolved(now, familyNamed(what), addrs(all), false)
				}
			}
			for {
				a, at := r.next(now)
				if !a.IsValid() {
					if at <= now && !r.over(now) {
						t.Errorf("%s: at %v it asks to be asked again at %v", tt.name, now, at)
					}
					break
				}
				begun = append(begun, fmt.Sprintf("%d:%v", ms, a))
			}
			if r.over(now) {
				over = ms
			}
		}
		if got := strings.Join(begun, " "); got != tt.begun || over != tt.over {
			t.Errorf("%s: %s, over at %d; want %s and %d", tt.name, got, over, tt.begun, tt.over)
		}
	}
}

func familyNamed(digit string) family {
	if digit == "4" {
		return ipv4
	}
	return ipv6
}

// An address that was given, and not a name, is dialed at once.
func TestRaceWithoutAName(t *testing.T) {
	var where whereabouts
	where.found(ipv4, addrs("192.0.2.1"))
	r := newRace(time.Second, &where, [2]bool{})
	if a, _ := r.next(time.Second); a != addrs("192.0.2.1")[0] {
		t.Error(a)
	}
	r.failed(time.Second)
	if !r.over(time.Second) {
		t.Error("not over")
	}
}

func TestWhereabouts(t *testing.T) {
	var w whereabouts
	check := func(when, want string) {
		t.Helper()
		if got := w.lineup(); !slices.Equal(got, addrs(want)) {
			t.Errorf("%s: %v, want %s", when, got, want)
		}
	}
	w.found(ipv4, addrs("10.0.0.1 10.0.0.2 10.0.0.1"))
	w.found(ipv6, addrs("::ffff:10.0.0.3 2001:db8::1"))
	check("at first", "10.0.0.3 10.0.0.1 2001:db8::1 10.0.0.2")
	w.answers(addrs("10.0.0.2")[0])
	check("one works", "10.0.0.2 10.0.0.3 10.0.0.1 2001:db8::1")
	if !w.silent(addrs("10.0.0.2")[0]) || !w.silent(addrs("10.0.0.3")[0]) {
		t.Error("there are others")
	}
	w.answers(addrs("10.0.0.1")[0])
	check("two are deaf", "10.0.0.1 2001:db8::1 10.0.0.3 10.0.0.2")
	for i, a := range addrs("10.0.0.1 2001:db8::1") {
		if others := w.silent(a); others != (i == 0) {
			t.Errorf("%v: %v", a, others)
		}
	}
	w.moved()
	check("another network", "10.0.0.1 10.0.0.3 2001:db8::1 10.0.0.2")
	w.found(ipv4, addrs("10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6"))
	w.found(ipv6, addrs("fd00::1 2001:db8::1"))
	check("IPv6 of this site", "10.0.0.1 fd00::1 10.0.0.2 2001:db8::1 10.0.0.3 10.0.0.4")
	w.found(ipv6, nil)
	check("many", "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4")
}
