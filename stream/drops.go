package stream

// Drop is the reason why a datagram was not heard. It is an error, to compare directly.
type Drop uint8

// The reasons, in the order in which a datagram is checked.
const (
	DropMalformed Drop = iota // not a datagram of this protocol, or its body makes no sense
	DropNotVoice              // a well-formed datagram that is not for the Listener
	DropUnknown               // the talker is not in the room
	DropEpoch                 // sealed in an epoch whose secret is not known
	DropForged                // the seal is broken: tampered with, foreign, or the wrong passphrase
	DropReplayed              // seen before, too old to tell, or with a number that cannot be
	DropTwin                  // came by one of two paths already: see Receiver.SetTwice
	DropDecoder               // no decoder could be made for a new talker
	drops                     // how many there are
)

var dropNames = [drops]string{"malformed", "not voice", "unknown talker", "unknown epoch", "forged", "replayed", "twin", "no decoder"}

// String names the reason in one or two words.
func (d Drop) String() string {
	if d < drops {
		return dropNames[d]
	}
	return "unknown"
}

// Error makes a Drop an error.
func (d Drop) Error() string { return "stream: datagram dropped: " + d.String() }

// DropCounts counts drops by reason: DropCounts[DropForged].
type DropCounts [drops]uint64
