package mesh

import "github.com/tincan-voice/tincan/relay"

const (
	// mostWaiting is how many bytes of messages may wait to be taken; what is more is lost, and said again some time.
	mostWaiting = 32 << 20
	// messageCost is what a message takes beside its topic and what it says, in bytes, about.
	messageCost = 256
)

// backlog is what waits to be taken.
type backlog struct {
	messages []relay.BusMessage
	bytes    int
}

func cost(m relay.BusMessage) int { return len(m.Topic) + len(m.Data) + messageCost }

// add takes a message, or loses it where too much waits already.
func (b *backlog) add(m relay.BusMessage) {
	if b.bytes+cost(m) <= mostWaiting {
		b.messages = append(b.messages, m)
		b.bytes += cost(m)
	}
}

// first is the oldest message, if there is one.
func (b *backlog) first() (m relay.BusMessage) {
	if len(b.messages) > 0 {
		m = b.messages[0]
	}
	return m
}

// drop takes the oldest one out.
func (b *backlog) drop() {
	b.bytes -= cost(b.messages[0])
	b.messages[0] = relay.BusMessage{}
	b.messages = b.messages[1:]
}
