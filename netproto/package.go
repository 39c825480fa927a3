package netproto

import (
	"errors"
	"fmt"
)

// MaxPackage is the largest control package in bytes, either way.
const MaxPackage = 64 << 10

// Key is the KEY value of a control package.
type Key int

// The control packages.
const (
	KeyAck          Key = 0
	KeyUnknownError Key = 1
	KeySendNickname Key = 2
	KeySendNewUsers Key = 3
	KeyDisconnect   Key = 4
	KeyServerClose  Key = 5
	KeySession      Key = 6
	KeyClientPort   Key = 7
)

var keyNames = [...]string{
	"ACK", "UNKNOWN_ERROR", "SEND_NICKNAME", "SEND_NEW_USERS",
	"DISCONNECT", "SERVER_CLOSE", "SESSION", "CLIENT_PORT",
}

// String returns the name that the documents use.
func (k Key) String() string {
	if k >= 0 && int(k) < len(keyNames) {
		return keyNames[k]
	}
	return fmt.Sprintf("KEY %d", int(k))
}

// Package is one control package: Ack, UnknownError, SendNickname,
// SendNewUsers, Disconnect, ServerClose, Session or ClientPort, by value.
// Values that are zero and not required are left out on the wire; an empty
// SendNewUsers.Left or Session.Recorders is not zero.
type Package interface {
	Key() Key
}

// Ack answers ClientPort.
type Ack struct{}

// UnknownError says that the last package was of no use.
type UnknownError struct {
	Reason string // for people
}

// AttemptSize is the size of SendNickname.Attempt in bytes.
const AttemptSize = 16

// SendNickname is the first package of a client.
type SendNickname struct {
	Name   string // see CheckName
	Voice  int    // highest datagram version it speaks; 0 = wants no sealed voice
	Room   string // "" = the default room; see CheckRoom
	Token  string // what the relay's operator asks for, if anything
	Resume string // Session.Resume of the session to go on with
	Proof  []byte // its HopKey.ResumeProof: nil or ProofSize bytes
	Cap    int    // at most so many kbit/s down from the first datagram on, as in Report; 0 = none
	Fresh  []byte // what it brings to this session, with Voice: nil, FreshSize or SignedFreshSize bytes
	// Attempt is what all attempts to get one session have in common: nil or AttemptSize random bytes.
	Attempt []byte
}

// SendNewUsers tells who is in the room, on every change: the whole list, or
// what is other than in those before it.
type SendNewUsers struct {
	Users    []string
	Sessions []uint32 // in the order of Users; none from TIP_Project's server
	Fresh    [][]byte // in the order of Users: what they have brought, each as in SendNickname; none to TIP_Project's clients
	// Left is nil for a whole list. Else, even if empty, Users have come (or have
	// other names) and the sessions in Left have gone.
	Left []uint32
	// MediaKey begins an epoch, whose members are all that have been told of, these included.
	MediaKey []byte // nil or KeySize bytes
	Epoch    uint32
	// List is the number of the list that the receiver knows then: each has one more than the last, modulo 65536. 0 =
	// none, or there is more of it.
	List int
}

// Disconnect ends a session, from either side. From a client that has the right it may be about another one's.
type Disconnect struct {
	Reason  string // for people
	Session uint32 // whose; 0 = the sender's
	Mute    int    // that goes on, but its voice is not forwarded for so many seconds
	Ban     int    // besides, who had it may not come again for so many seconds
}

// ServerClose says that the relay ends.
type ServerClose struct {
	Reason      string // for people
	Time        int    // seconds for which it still serves; 0 = it is over
	Relay       string // host:port of the relay to go to; "" = the same one
	Fingerprint string // of the key of that relay, as clients pin it; "" = not vouched for
}

// Session gives a client its place in the room.
type Session struct {
	Session uint32
	Voice   int        // datagram version to use; 0 = none
	HopKey  []byte     // nil or KeySize bytes
	UDP     int        // the relay's UDP port; 0 = the TCP port
	Resume  string     // names the session to a later connection, see SendNickname
	Rights  Rights     // what it may do to others
	Mute    int        // its voice goes to nobody for so many seconds from now on; 0 = nothing has changed
	Keys    []Wrapping // of others' sender keys, for the client
	// Recorders are the sessions of the room that record it, the client's own included. nil, which is not empty: as
	// before.
	Recorders []uint32
}

// ClientPort is the client's local UDP port; 0 = it has none.
type ClientPort struct {
	Port int
	Keys []Wrapping // of the client's sender key, wrapped, MaxKeyed at most
	// Record says that the client records the room; without it it does not, or not any more.
	Record bool
}

// Key implements Package.
func (Ack) Key() Key { return KeyAck }

// Key implements Package.
func (UnknownError) Key() Key { return KeyUnknownError }

// Key implements Package.
func (SendNickname) Key() Key { return KeySendNickname }

// Key implements Package.
func (SendNewUsers) Key() Key { return KeySendNewUsers }

// Key implements Package.
func (Disconnect) Key() Key { return KeyDisconnect }

// Key implements Package.
func (ServerClose) Key() Key { return KeyServerClose }

// Key implements Package.
func (Session) Key() Key { return KeySession }

// Key implements Package.
func (ClientPort) Key() Key { return KeyClientPort }

// What is wrong with a package. A PackageError wraps one of them.
var (
	ErrBadJSON      = errors.New("bad JSON")
	ErrUnknownKey   = errors.New("unknown KEY")
	ErrMissingValue = errors.New("missing value")
	ErrIllTyped     = errors.New("ill-typed value")
)

// PackageError says what is wrong with one package. The stream goes on: the
// next call of Decoder.Next returns what follows it.
type PackageError struct {
	Problem error  // ErrBadJSON, ErrUnknownKey, ErrMissingValue or ErrIllTyped
	Detail  string // for people: the value and package, or the kind of bad JSON
}

// Error returns a text that is fit for UnknownError.Reason: short, ASCII, and
// with no more of what the peer sent than one character or number.
func (e *PackageError) Error() string {
	return e.Problem.Error() + ": " + e.Detail
}

// Unwrap returns Problem.
func (e *PackageError) Unwrap() error { return e.Problem }

func badJSON(detail string) error { return &PackageError{ErrBadJSON, detail} }
func missing(field string, k Key) error {
	return &PackageError{ErrMissingValue, field + " of " + k.String()}
}
func illTyped(field string, k Key) error {
	return &PackageError{ErrIllTyped, field + " of " + k.String()}
}
