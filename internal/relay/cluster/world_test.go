package cluster_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
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

var secret = []byte("sixteen bytes at least")

// world is relays in virtual time, with a network between them.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	now    time.Duration
	relays []*relay
	cut    func(a, b int) bool // by slots; nil: all see each other
	// loss is the share of datagrams between relays, and gone that of messages, that get lost.
	loss, gone float64
	keysLost   bool     // every message with sender keys gets lost, when it is said first
	datagrams  int      // of voice that went from relay to relay
	under      []func() // datagrams on their way
	letters    []letter // messages
	started    int
}

// letter is a message on its way.
type letter struct {
	from, to *relay
	at       time.Duration
	cluster.Message
}

// post brings the messages that are due.
func (w *world) post() {
	letters := w.letters
	w.letters = nil
	for _, l := range letters {
		if l.at > w.now {
			w.letters = append(w.letters, l)
		} else if !l.to.stopped {
			if err := l.to.node.Take(w.now, l.Topic, l.Data); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// relay is one of them.
type relay struct {
	*relaytest.Core
	w       *world
	slot    int
	node    *cluster.Node
	addr    netip.AddrPort
	topics  map[string]bool
	people  map[uint32]*person
	orders  []cluster.Order
	twin    bool
	stopped bool
}

// person is a client with what it was told.
type person struct {
	*relaytest.Client
	relay *relay
	room  string
	told  rooms.Told
	names map[uint32]string
	fresh map[uint32]string
	epoch uint32
	key   []byte
	keys  []netproto.Wrapping
	// keyed are those whose sender keys of the newest epoch it has.
	keyed    map[uint32]bool
	sendKeys bool                // of this epoch
	early    []netproto.Wrapping // of epochs that it does not know yet
}

func newWorld(t *testing.T, relays int) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(1, 2)), now: time.Hour}
	for i := range relays {
		w.start(i + 1)
	}
	w.pass(time.Second)
	return w
}

// start begins a relay, in the place of one of the same number.
func (w *world) start(number int) *relay {
	w.started++
	r := &relay{w: w, slot: number, topics: make(map[string]bool), people: make(map[uint32]*person)}
	r.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(number)}), uint16(9000+w.started))
	r.Core = relaytest.New(w.t, rooms.Config{
		Cluster: &rooms.Cluster{Number: number, Network: cluster.NetworkKey(secret), Skip: w.rng.Uint32()},
	})
	r.Out = func(to netip.AddrPort, d []byte) {
		for _, o := range w.relays {
			if o.addr == to {
				w.carry(r, o, slices.Clone(d))
				return
			}
		}
		r.Boxes[to] = append(r.Boxes[to], slices.Clone(d))
	}
	r.node = cluster.New(cluster.Config{
		Secret: secret, Address: r.addr, Instance: [16]byte{byte(number), byte(w.started)}, Began: time.Unix(int64(w.started), 0),
	}, r.Core.Core)
	w.relays = append(slices.DeleteFunc(w.relays, func(o *relay) bool { return o.slot == number && o.stopped }), r)
	return r
}

// carry takes a datagram from relay to relay.
func (w *world) carry(from, to *relay, d []byte) {
	if to.stopped || w.cut != nil && w.cut(from.slot, to.slot) || w.rng.Float64() < w.loss {
		return
	}
	if h, _ := netproto.ParseHeader(d); h.Type == netproto.TypeVoice {
		w.datagrams++
	}
	w.under = append(w.under, func() {
		to.Now = max(to.Now, w.now)
		to.Handle(from.addr, d)
	})
}

// deliver brings what is on its way, and what comes of that.
func (w *world) deliver() {
	for len(w.under) > 0 {
		next := w.under[0]
		w.under = w.under[1:]
		next()
	}
}

// at returns the relay of a number.
func (w *world) at(number int) *relay {
	for _, r := range w.relays {
		if r.slot == number && !r.stopped {
			return r
		}
	}
	w.t.Fatalf("there is no relay %d", number)
	return nil
}

// pass lets time pass, in steps of 10 ms.
func (w *world) pass(d time.Duration) {
	for end := w.now + d; w.now < end; w.now += 10 * time.Millisecond {
		w.settle()
	}
}

// settle has all relays do what is due now.
func (w *world) settle() {
	for _, r := range w.relays {
		if r.stopped {
			continue
		}
		r.keysOut()
		r.Now = max(r.Now, w.now)
		updates, _ := r.Tick(w.now)
		r.node.Tick(w.now)
		for _, u := range updates {
			r.tell(u)
			if u.Epoch != nil {
				r.node.Announce(u)
			}
		}
		r.TickRecorders(w.now)
		r.Worker.Flush(r.Now)
	}
	w.deliver()
	w.post()
	for more := true; more; {
		more = false
		for _, i := range w.rng.Perm(len(w.relays)) {
			r := w.relays[i]
			if !r.stopped && r.act() {
				more = true
			}
		}
	}
}

// act does what a node wants, and reports whether there was anything.
func (r *relay) act() bool {
	do := r.node.Actions()
	for _, topic := range do.Subscribe {
		r.topics[topic] = true
	}
	for _, u := range do.Updates {
		r.tell(u)
	}
	for _, p := range do.Passed {
		r.pass(p)
	}
	r.orders = append(r.orders, do.Orders...)
	r.twin = r.twin || do.Twin
	for _, m := range do.Publish {
		for _, o := range r.w.relays {
			if o == r || o.stopped || !o.topics[m.Topic] || r.w.cut != nil && r.w.cut(r.slot, o.slot) || r.w.rng.Float64() < r.w.gone {
				continue
			}
			at := r.w.now + time.Duration(r.w.rng.IntN(30))*time.Millisecond
			for _, l := range r.w.letters {
				if l.from == r && l.to == o { // they do not overtake each other
					at = max(at, l.at)
				}
			}
			r.w.letters = append(r.w.letters, letter{r, o, at, m})
		}
	}
	for _, topic := range do.Unsubscribe {
		delete(r.topics, topic)
	}
	r.keysOut()
	return len(do.Publish) > 0
}

// enter joins somebody who has a path.
func (r *relay) enter(room, name string) *person {
	r.w.t.Helper()
	r.Now = max(r.Now, r.w.now)
	p := &person{Client: r.Core.Enter(room, name), relay: r, room: room}
	out := r.Out
	r.Out = nil // the challenge
	p.Settle()
	r.Out = out
	r.people[p.Session] = p
	p.take(p.Users)
	return p
}

// present are the people here, by rising sessions: what is drawn at random comes again.
func (r *relay) present() (all []*person) {
	for _, id := range slices.Sorted(maps.Keys(r.people)) {
		all = append(all, r.people[id])
	}
	return all
}

func (r *relay) leave(p *person) {
	delete(r.people, p.Session)
	r.Leave(p.Session)
}

func (r *relay) tell(u rooms.Update) {
	for _, id := range u.Users.Sessions {
		if p := r.people[id]; p != nil && p.room == u.Room {
			p.take(u.Users)
		}
	}
}

// take takes a list, as a client does.
func (p *person) take(l rooms.UserList) {
	roster := rooms.NewRoster(l)
	for more := true; more; more = p.told.More() {
		var data []byte
		data, p.told = roster.Next(p.told)
		if len(data) == 0 {
			return
		}
		var d netproto.Decoder
		d.Write(data)
		got, err := d.Next()
		if err != nil {
			p.relay.w.t.Fatal(err)
		}
		list := got.(netproto.SendNewUsers)
		if list.Left == nil {
			p.names, p.fresh = make(map[uint32]string), make(map[uint32]string)
		}
		for _, id := range list.Left {
			delete(p.names, id)
			delete(p.fresh, id)
		}
		for i, id := range list.Sessions {
			p.names[id], p.fresh[id] = list.Users[i], string(list.Fresh[i])
		}
		if list.MediaKey != nil && list.Epoch > p.epoch {
			p.epoch, p.key, p.keyed = list.Epoch, list.MediaKey, make(map[uint32]bool)
			early := p.early
			p.early = nil
			for _, k := range early {
				p.takeKey(k)
			}
			p.sendKeys = true
			if p.names[p.Session] == "" {
				p.relay.w.t.Fatalf("epoch %d of session %d has no line of its own", p.epoch, p.Session)
			}
		}
	}
}

// pass hands somebody a sender key.
func (r *relay) pass(k rooms.Passed) {
	if p := r.people[k.To]; p != nil {
		p.keys = append(p.keys, k.Wrapping)
		p.takeKey(k.Wrapping)
	}
}

func (p *person) takeKey(k netproto.Wrapping) {
	switch {
	case k.Epoch == p.epoch:
		p.keyed[k.Session] = true
	case k.Epoch > p.epoch:
		p.early = append(p.early, k)
	}
}

// keysOut has everyone send the sender keys that they owe.
func (r *relay) keysOut() {
	for _, p := range r.present() {
		if !p.sendKeys {
			continue
		}
		p.sendKeys = false
		var keys, far []netproto.Wrapping
		for _, id := range slices.Sorted(maps.Keys(p.names)) {
			keys = append(keys, netproto.Wrapping{Session: id, Epoch: p.epoch})
		}
		for _, k := range r.Pass(p.Session, keys) {
			if forward.Slot(k.To) != r.slot {
				far = append(far, netproto.Wrapping{Session: k.To, Epoch: k.Epoch})
				continue
			}
			r.pass(k)
		}
		if len(far) > 0 && !r.w.keysLost {
			r.node.Pass(p.room, p.Session, far)
		}
	}
}

// all are the people in a room, at all relays.
func (w *world) all(room string) (all []*person) {
	for _, r := range w.relays {
		for _, p := range r.present() {
			if p.room == room && !r.stopped {
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b *person) int { return int(int64(a.Session) - int64(b.Session)) })
	return all
}

// agree tells why people do not share an epoch, each with the list of exactly these.
func agree(all []*person) error {
	names := make(map[uint32]string)
	for _, p := range all {
		names[p.Session] = p.Users.Names[slices.Index(p.Users.Sessions, p.Session)]
	}
	for _, p := range all {
		switch first := all[0]; {
		case p.epoch == 0:
			return errors.New("no epoch")
		case p.epoch != first.epoch || !bytes.Equal(p.key, first.key):
			return fmt.Errorf("%d has epoch %d, %d has %d", p.Session, p.epoch, first.Session, first.epoch)
		case !maps.Equal(p.names, names):
			return fmt.Errorf("%d was told %v, and there are %v", p.Session, p.names, names)
		case len(p.keyed) < len(all):
			return fmt.Errorf("%d has sender keys of %v in epoch %d", p.Session, p.keyed, p.epoch)
		case !maps.Equal(p.fresh, first.fresh):
			return errors.New("not the same have brought the same")
		}
	}
	return nil
}

// meet wants all in a room to agree before so long.
func (w *world) meet(room string, within time.Duration) time.Duration {
	w.t.Helper()
	began := w.now
	err := errors.New("nobody")
	for w.now-began < within {
		if err = agree(w.all(room)); err == nil {
			return w.now - began
		}
		w.pass(10 * time.Millisecond)
	}
	w.t.Fatalf("room %s after %v: %v", room, within, err)
	return 0
}

// say has somebody say something, and returns what it was.
func (p *person) say(text string) []byte {
	p.relay.w.t.Helper()
	d := p.Said(text)
	p.relay.Now = max(p.relay.Now, p.relay.w.now)
	if drop := p.relay.Handle(p.Addr, slices.Clone(d)); drop != forward.Kept {
		p.relay.w.t.Fatalf("%d says something: %v", p.Session, drop)
	}
	p.relay.w.deliver()
	return d
}

// voices are the datagrams of voice in somebody's box, bundles opened.
func (p *person) voices() (got [][]byte) {
	for _, d := range p.Took() {
		switch t, _ := netproto.DatagramType(d); t {
		case netproto.TypeBundle:
			got, _ = netproto.ParseBundle(got, d)
		case netproto.TypeVoice:
			got = append(got, d)
		}
	}
	return got
}

// hears wants exactly this to have come, whatever the hops are.
func (p *person) hears(said ...[]byte) {
	p.relay.w.t.Helper()
	got := p.voices()
	want := make([][]byte, len(said))
	for i, d := range said {
		want[i] = d[:len(d)-netproto.HopTagSize]
	}
	if len(got) != len(want) {
		p.relay.w.t.Fatalf("%d got %d datagrams of voice, want %d", p.Session, len(got), len(want))
	}
	relaytest.SameSet(p.relay.w.t, got, want)
}
