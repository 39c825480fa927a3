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
// The way of a datagram of voice through a Worker makes no garbage: session by ID
// from a table of atomic pointers, hop tag, replay window, and then the very same
// sealed bytes to the room's Listeners, a list that is never changed but replaced when
// someone comes, goes or moves. On the way it takes one lock, its room's: for the choice of
// talkers, and to count what is forwarded. With steering all of a room's datagrams come
// to one worker, which finds it free.
//
// What is lost is asked for again, sent again or sent twice: see repair.go and
// docs/repair.md. That is state of the room, made on first use, under the same lock;
// what is due at a time is done by Worker.Flush.
//
// The payload stays opaque: this package never imports the codec or the
// jitter buffer.
package relay
