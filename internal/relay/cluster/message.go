package cluster

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// instance is a relay from its start to its end.
type instance [16]byte

// message is what one relay tells others: who says it, and one of the rest. It travels as JSON, sealed.
type message struct {
	Slot     int
	Instance instance
	Number   uint32 // of the instance's messages, from 1 on

	Hello    *hello    `json:",omitempty"`
	Part     *part     `json:",omitempty"`
	Epoch    *epoch    `json:",omitempty"`
	Keys     *keys     `json:",omitempty"`
	Order    *Order    `json:",omitempty"`
	Sanction *Sanction `json:",omitempty"`
}

// hello is a sign of life.
type hello struct {
	Began   int64          // of two with the same slot the later counts, ns since 1970
	Address netip.AddrPort // where its voice is to be sent to, UDP
	Voice   netproto.HopKey
	Places  int
	Leaving bool // it ends now
}

// part is rooms.Part.
type part struct {
	Room string
	Ask  bool // say yours
	rooms.Part
}

// epoch is rooms.Epoch.
type epoch struct {
	Room string
	rooms.Epoch
}

// keys are a member's sender key, wrapped for others.
type keys struct {
	Room string
	From uint32
	Keys []netproto.Wrapping
}

// Order is what a member with a right to it wants done to one of another relay's, which does it.
type Order struct {
	Room      string
	Session   uint32 // of the other one
	By        string // its name
	Mute, Ban int    // seconds, as in netproto.Disconnect
	Reason    string
}

// Sanction is a ban or a mute, which holds at all relays.
type Sanction struct {
	Who    string // as access.ParseSubject reads it
	Mute   bool
	Until  time.Time
	Reason string
	Lifted bool // it is over
}

func (m *message) encode() []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic("cluster: " + err.Error()) // all of it can be written
	}
	return text
}
