package cluster

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// helloEvery is how often a relay shows that it is there, and lease how long it is believed without that: six of
	// them, as a machine that is overloaded for a moment must not lose its members.
	helloEvery = 500 * time.Millisecond
	lease      = 3 * time.Second
	// refresh is in how many hellos every room's part is said again, as a message may get lost.
	refresh = 20
	// farewells is how often it is said, once per hello, that nobody is left in a room: for as long as a relay that hears
	// nothing of this one keeps its members.
	farewells = int(lease / helloEvery)
	// MaxMessage is the longest message in bytes: the part of a room of 1000 with the longest names has half of it.
	MaxMessage = 1 << 20
)

// Config is what a Node has to know.
type Config struct {
	Secret   []byte         // of all relays of the cluster, at least LeastSecret bytes
	Address  netip.AddrPort // where the others send this relay's voice to
	Instance [16]byte       // random
	Began    time.Time      // the relay's start
}

// Actions are what somebody else has to do.
type Actions struct {
	Subscribe, Unsubscribe []string
	Publish                []Message
	Updates                []rooms.Update // for our own members
	Passed                 []rooms.Passed // the same
	Orders                 []Order        // to be carried out
	Sanctions              []Sanction     // the same
	Came, Left             []int          // slots of relays: who has come is to be told all sanctions
	// Twin is the instance of another relay with our number that is there, which must not be.
	Twin bool
}

// Message is bytes for a topic.
type Message struct {
	Topic string
	Data  []byte
}

// Node is one relay of a cluster. Its methods must not be called at the same time.
type Node struct {
	cfg    Config
	core   *rooms.Core
	box    *box
	peers  map[int]*peerState
	topics map[string]string // of our rooms, by name
	ended  map[string]int    // of these, rooms that nobody is left in, and how often that is still to be said
	turn   []string          // rooms whose parts are still to be said again
	number uint32
	hello  time.Duration // when the next one is due
	begun  bool
	do     Actions
}

// peerState is another relay that shows life.
type peerState struct {
	instance instance
	began    int64
	heard    time.Duration
	window   netproto.ReplayWindow
}

// New returns the Node of a relay.
func New(cfg Config, core *rooms.Core) *Node {
	return &Node{cfg: cfg, core: core, box: newBox(cfg.Secret), peers: make(map[int]*peerState), topics: make(map[string]string), ended: make(map[string]int)}
}

// Peers are the slots of the other relays that are there, rising.
func (n *Node) Peers() (slots []int) {
	for slot := range n.peers {
		slots = append(slots, slot)
	}
	slices.Sort(slots)
	return slots
}

// Actions returns what is to be done since the last time.
func (n *Node) Actions() Actions {
	do := n.do
	n.do = Actions{}
	return do
}

// Tick does what is due, and returns when to call it again; when a room's members have changed, at once.
func (n *Node) Tick(now time.Duration) (next time.Duration) {
	if !n.begun {
		n.begun = true
		n.do.Subscribe = append(n.do.Subscribe, everyone)
	}
	for slot, p := range n.peers {
		if now-p.heard > lease {
			n.lose(slot)
		}
	}
	if now >= n.hello {
		n.hello = now + helloEvery
		n.sayHello(false)
		if len(n.turn) == 0 {
			n.turn = n.core.Rooms()
		}
		share := (len(n.topics) + refresh - 1) / refresh
		for ; share > 0 && len(n.turn) > 0; share-- {
			n.sayPart(n.turn[0], false)
			n.turn = n.turn[1:]
		}
		for room := range n.ended {
			n.sayPart(room, false)
		}
	}
	for _, room := range n.core.Changed() {
		n.sayPart(room, false)
	}
	return n.hello
}

// Wake tells that the program has stood still: nobody could be heard until now.
func (n *Node) Wake(now time.Duration) {
	for _, p := range n.peers {
		p.heard = now
	}
}

// Leave says that this relay ends.
func (n *Node) Leave() { n.sayHello(true) }

func (n *Node) sayHello(leaving bool) {
	n.say(everyone, message{Hello: &hello{
		Began: n.cfg.Began.UnixNano(), Address: n.cfg.Address, Voice: n.core.VoiceKey(), Places: n.core.Places(), Leaving: leaving,
	}})
}

// sayPart tells what this relay has of a room.
func (n *Node) sayPart(room string, ask bool) {
	p, there := n.core.OwnPart(room)
	topic, known := n.topics[room]
	left, ended := n.ended[room]
	switch {
	case there && !known:
		topic = n.box.topicOf(room)
		n.topics[room] = topic
		n.do.Subscribe = append(n.do.Subscribe, topic)
		ask = true
	case there && ended:
		delete(n.ended, room)
		ask = true
	case !there && !known:
		return
	case !there && !ended:
		left = farewells
	}
	n.say(topic, message{Part: &part{room, ask, p}})
	switch {
	case there:
	case left > 0:
		n.ended[room] = left - 1
	default:
		delete(n.ended, room)
		delete(n.topics, room)
		n.do.Unsubscribe = append(n.do.Unsubscribe, topic)
	}
}

// Announce tells others which epoch a room begins.
func (n *Node) Announce(u rooms.Update) {
	if topic, ok := n.topics[u.Room]; ok {
		n.say(topic, message{Epoch: &epoch{u.Room, *u.Epoch}})
	}
}

// Pass tells others a member's sender key, wrapped for theirs.
func (n *Node) Pass(room string, from uint32, wrapped []netproto.Wrapping) {
	if topic, ok := n.topics[room]; ok {
		n.say(topic, message{Keys: &keys{room, from, wrapped}})
	}
}

// Order tells the relay of a session what is to be done to it.
func (n *Node) Order(o Order) { n.say(everyone, message{Order: &o}) }

// Sanction tells all relays of a ban or a mute, or its end.
func (n *Node) Sanction(s Sanction) { n.say(everyone, message{Sanction: &s}) }

func (n *Node) say(topic string, m message) {
	n.number++
	m.Slot, m.Instance, m.Number = n.core.Slot(), n.cfg.Instance, n.number
	n.do.Publish = append(n.do.Publish, Message{topic, n.box.seal(topic, m.encode())})
}

// lose forgets a relay.
func (n *Node) lose(slot int) {
	delete(n.peers, slot)
	n.core.SetPeer(slot, nil)
	n.do.Left = append(n.do.Left, slot)
}

// Take takes a message that came on a topic. The error says why it is not taken, where that is worth a line in the
// log.
func (n *Node) Take(now time.Duration, topic string, data []byte) error {
	if len(data) > MaxMessage {
		return errForged
	}
	text, err := n.box.open(topic, data)
	if err != nil {
		return err
	}
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	if m.Instance == n.cfg.Instance || m.Slot < 0 || m.Slot >= forward.Slots {
		return nil
	}
	if m.Slot == n.core.Slot() {
		n.do.Twin = true
		return nil
	}
	if m.Hello != nil {
		n.takeHello(now, &m)
		return nil
	}
	p := n.peers[m.Slot]
	if p == nil || p.instance != m.Instance || !p.window.Accept(m.Number) {
		return nil // what it says counts once it has shown life, and is said again
	}
	ours := func(room string) bool { return n.topics[room] == topic }
	switch {
	case m.Part != nil && ours(m.Part.Room):
		n.core.TakePart(now, m.Slot, m.Part.Room, m.Part.Part)
		if m.Part.Ask {
			n.sayPart(m.Part.Room, false)
		}
		for from, wrapped := range n.core.Lacking(m.Part.Room, m.Part.Lacks) {
			n.Pass(m.Part.Room, from, wrapped)
		}
	case m.Epoch != nil && ours(m.Epoch.Room):
		if u, ok := n.core.TakeEpoch(now, m.Slot, m.Epoch.Room, m.Epoch.Epoch); ok {
			n.do.Updates = append(n.do.Updates, u)
		}
	case m.Keys != nil && ours(m.Keys.Room) && forward.Slot(m.Keys.From) == m.Slot:
		n.do.Passed = append(n.do.Passed, n.core.PassFar(m.Keys.From, m.Keys.Room, m.Keys.Keys)...)
	case m.Order != nil && topic == everyone && forward.Slot(m.Order.Session) == n.core.Slot():
		n.do.Orders = append(n.do.Orders, *m.Order)
	case m.Sanction != nil && topic == everyone:
		n.do.Sanctions = append(n.do.Sanctions, *m.Sanction)
	}
	return nil
}

// takeHello takes a sign of life.
func (n *Node) takeHello(now time.Duration, m *message) {
	p, h := n.peers[m.Slot], m.Hello
	switch {
	case p != nil && p.instance == m.Instance:
		if !p.window.Accept(m.Number) {
			return
		}
		p.heard = now
		if h.Leaving {
			n.lose(m.Slot)
		}
		return
	case h.Leaving, p != nil && p.began > h.Began, !h.Address.IsValid():
		return
	}
	their := m.Instance
	peer := forward.NewPeer(h.Address, h.Voice, n.box.trunkKey(n.cfg.Instance, their), n.box.trunkKey(their, n.cfg.Instance), h.Places)
	if peer == nil {
		return
	}
	if p != nil {
		n.lose(m.Slot)
	}
	fresh := &peerState{instance: m.Instance, began: h.Began, heard: now}
	fresh.window.Accept(m.Number)
	n.peers[m.Slot] = fresh
	n.core.SetPeer(m.Slot, peer)
	n.do.Came = append(n.do.Came, m.Slot)
	n.sayHello(false) // it need not wait for the next one
	for _, room := range n.core.Rooms() {
		n.sayPart(room, true)
	}
}
