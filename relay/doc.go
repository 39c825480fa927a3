// Package relay is the server of tincan: it keeps rooms and sessions, and
// forwards every talker's sealed datagrams, unopened, to everyone else in the
// room.
//
//	TCP/TLS :9999                                        UDP :9999
//	 accept -> client (one goroutine each)                worker (one per core)
//	              |  packages                                |  batches
//	              v                                          v
//	        +-----------------------------------------------------------+
//	        | Core: sessions by ID, rooms, listener vectors, drop counts |
//	        +-----------------------------------------------------------+
//	              ^
//	              |  Tick: user lists, new epochs, silent addresses
//	          announcer (one goroutine)
//
// Core is sans-IO: the time is an argument, what it wants sent goes out
// through an Output, and it owns no goroutine, so that a laboratory drives it in virtual
// time. Server is the shell around it: sockets, TLS, goroutines and the clock.
//
// The way of a datagram of voice through a Worker waits for no lock and makes no
// garbage: session by ID from a table of atomic pointers, hop tag, replay
// window, and then the very same bytes to the room's Listeners, a list that is
// never changed but replaced when someone comes, goes or moves.
//
// Two things are behind a lock that is only tried, the choice of talkers and
// what is lost: asked for again, sent again or sent twice (repair.go and
// docs/repair.md). That is state of a room, made on first use; what is due at a
// time is done by Worker.Flush.
//
// The payload stays opaque: this package never imports the codec or the
// jitter buffer.
package relay
