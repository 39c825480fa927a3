package netproto

// Rights are what a session may do to others, by Disconnect.
type Rights uint8

// The rights.
const (
	MayKick Rights = 1 << iota // send them away
	MayBan                     // and keep them away
	MayMute                    // have their voice not forwarded
)

// ParseRight reads the name of one: kick, ban or mute.
func ParseRight(name string) (r Rights, ok bool) {
	switch name {
	case "kick":
		return MayKick, true
	case "ban":
		return MayBan, true
	case "mute":
		return MayMute, true
	}
	return 0, false
}
