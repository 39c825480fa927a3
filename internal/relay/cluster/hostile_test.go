package cluster_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/cluster"
	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// What a relay of the cluster says that cannot be is ignored, and leaves what was there.
func TestPartsThatCannotBe(t *testing.T) {
	w := newWorld(t, 2)
	a := w.at(1).enter("r", "a")
	w.at(2).enter("r", "b")
	w.meet("r", time.Second)
	fresh := make([]byte, netproto.FreshSize)
	member := func(id uint32) rooms.Member { return rooms.Member{Session: id, Name: "x", Fresh: fresh, Voice: true} }
	many := make([]rooms.Member, 1001)
	for i := range many {
		many[i] = member(2<<25 + uint32(i) + 1)
	}
	for name, p := range map[string]rooms.Part{
		"a session of ours":  {Members: []rooms.Member{member(a.Session)}},
		"of another relay":   {Members: []rooms.Member{member(3<<25 + 7)}},
		"not rising":         {Members: []rooms.Member{member(2<<25 + 9), member(2<<25 + 8)}},
		"twice":              {Members: []rooms.Member{member(2<<25 + 9), member(2<<25 + 9)}},
		"no name":            {Members: []rooms.Member{{Session: 2<<25 + 9, Fresh: fresh}}},
		"half of what it is": {Members: []rooms.Member{{Session: 2<<25 + 9, Name: "x", Fresh: fresh[1:]}}},
		"too many":           {Members: many},
	} {
		w.at(1).TakePart(w.now, 2, "r", p)
		if err := agree(w.all("r")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.at(1).TakePart(w.now, 5, "r", rooms.Part{Members: []rooms.Member{member(5<<25 + 1)}})
	w.at(1).TakePart(w.now, 2, "nobody's", rooms.Part{Members: []rooms.Member{member(2<<25 + 1)}})
	if len(w.at(1).Rooms()) != 1 {
		t.Errorf("rooms: %v", w.at(1).Rooms())
	}
	w.pass(5 * time.Second)
	if err := agree(w.all("r")); err != nil {
		t.Error(err)
	}
}

// Datagrams that are no peer's, or not of the type that it may send, go nowhere, and a peer's session has the rate of
// a client's.
func TestPeerIsBounded(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.at(1).enter("r", "a"), w.at(2).enter("r", "b")
	w.meet("r", time.Second)
	stranger := relaytest.NewAddr()
	forged := a.Said("something that was said")
	forged[len(forged)-1] ^= 1
	if d := w.at(2).Handle(stranger, forged); d != forward.DropForged {
		t.Errorf("forged: %v", d)
	}
	if d := w.at(2).Handle(w.at(1).addr, a.Probe()); d != forward.DropType {
		t.Errorf("a probe: %v", d)
	}
	before := w.at(2).Stats()
	key := w.at(1).VoiceKey().TagKey()
	for i := range 2000 { // at once: a client may send 400
		d := a.Said(fmt.Sprint("something that was said", i))
		w.at(2).Handle(w.at(1).addr, a.Tagger.Append(key, d[:len(d)-netproto.HopTagSize]))
	}
	after := w.at(2).Stats()
	if n := after.Forwarded - before.Forwarded; n < 300 || n > 410 {
		t.Errorf("%d went on", n)
	}
	b.voices()
}

// What a relay sends to others makes no garbage.
func TestNoGarbageForPeers(t *testing.T) {
	w := newWorld(t, 2)
	a := w.at(1).enter("r", "a")
	w.at(2).enter("r", "b")
	w.meet("r", time.Second)
	r := w.at(1)
	r.Out = func(netip.AddrPort, []byte) {}
	said := make([][]byte, 300)
	for i := range said {
		said[i] = a.Said("something that was said")
	}
	i := 0
	if n := testing.AllocsPerRun(200, func() {
		r.Now += 20 * time.Millisecond
		r.Worker.Queue(r.Now, forward.Path{Remote: a.Addr}, said[i])
		r.Worker.Flush(r.Now)
		i++
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if r.Stats().Relayed == 0 {
		t.Error("nothing went to the other relay")
	}
}

// FuzzTake: no message makes a node panic, sealed or not.
func FuzzTake(f *testing.F) {
	f.Add([]byte(`{"Slot":2,"Instance":[2,1],"Number":9,"Part":{"Room":"r","Ask":true,"Members":[{"Session":67108865,"Name":"x"}]}}`))
	f.Add([]byte(`{"Slot":3,"Hello":{"Address":"10.0.0.1:9","Places":16,"Voice":[1]}}`))
	f.Add([]byte(`{"Slot":2,"Number":9,"Epoch":{"Room":"r","Number":77,"Members":null}}`))
	f.Add([]byte(`{"Slot":2,"Number":9,"Keys":{"Room":"r","From":67108865,"Keys":[{"Session":1}]}}`))
	f.Add([]byte("no JSON"))
	f.Fuzz(func(t *testing.T, text []byte) {
		w := newWorld(t, 2)
		w.at(1).enter("r", "a")
		w.at(2).enter("r", "b")
		w.meet("r", time.Second)
		topics := slices.Sorted(maps.Keys(w.at(1).topics))
		for _, topic := range append(topics, "another") {
			_ = w.at(1).node.Take(w.now, topic, text)
			_ = w.at(1).node.Take(w.now, topic, cluster.Seal(secret, topic, text))
		}
		w.pass(100 * time.Millisecond)
	})
}
