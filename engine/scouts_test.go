package engine

import (
	"net/netip"
	"testing"
	"time"
)

func TestScouting(t *testing.T) {
	const ms, rtt = time.Millisecond, 40 * time.Millisecond
	v4, v6 := netip.MustParseAddrPort("192.0.2.1:9999"), netip.MustParseAddrPort("[2001:db8::1]:9999")
	type at = time.Duration
	for _, tt := range []struct {
		name  string
		signs func(now at) scoutSigns
		first at // the others are asked; 0: never
		spent at // all was in vain; 0: never
	}{
		{"answers come", func(now at) scoutSigns {
			return scoutSigns{to: v4, proof: now, others: 1, rtt: rtt}
		}, 0, 0},
		{"nothing ever comes", func(now at) scoutSigns {
			return scoutSigns{to: v4, silent: now, others: 1, rtt: rtt}
		}, 350 * ms, 2550 * ms},
		{"nothing ever comes, and there are two others", func(now at) scoutSigns {
			return scoutSigns{to: v4, silent: now, others: 2, rtt: rtt}
		}, 350 * ms, 3050 * ms},
		{"there is no other", func(now at) scoutSigns {
			return scoutSigns{to: v4, silent: now, rtt: rtt}
		}, 0, 0},
		{"answers stop after 5 s", func(now at) scoutSigns {
			return scoutSigns{to: v4, silent: max(0, now-5000*ms), proof: min(now, 5000*ms), others: 1, rtt: rtt}
		}, 6000 * ms, 8200 * ms},
		{"voice comes again soon", func(now at) scoutSigns {
			return scoutSigns{to: v4, silent: (now - 5000*ms) % (900 * ms), proof: min(now, 5000*ms), others: 1, rtt: rtt}
		}, 0, 0},
		{"no way after 5 s", func(now at) scoutSigns {
			return scoutSigns{to: v4, proof: min(now, 5000*ms), barred: now > 5000*ms, others: 1, rtt: rtt}
		}, 5050 * ms, 7250 * ms},
		{"another one is in use after 3 s, and silent", func(now at) scoutSigns {
			if now < 3000*ms {
				return scoutSigns{to: v4, proof: now, others: 1, rtt: rtt}
			}
			return scoutSigns{to: v6, silent: now - 3000*ms, proof: 3000*ms - 1, others: 1, rtt: rtt}
		}, 3350 * ms, 5550 * ms},
	} {
		var s scouting
		first, spent, asked := at(0), at(0), at(0)
		for now := 50 * ms; now < 12*time.Second; now += 50 * ms {
			signs := tt.signs(now)
			ask, _ := s.look(now, signs)
			if ask && now-asked < scoutTime && asked > 0 {
				t.Errorf("%s: asked at %v and %v", tt.name, asked, now)
			}
			if ask {
				asked = now
				if first == 0 {
					first = now
				}
			}
			if s.spent() && spent == 0 {
				spent = now
			}
		}
		if first != tt.first || spent != tt.spent {
			t.Errorf("%s: asked at %v, spent at %v; want %v, %v", tt.name, first, spent, tt.first, tt.spent)
		}
	}
}
