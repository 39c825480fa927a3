// Package relay is the server of tincan: it keeps rooms, and forwards every talker's sealed datagrams, unopened,
// to everyone else in the room.
//
//	server, err := relay.Listen(relay.Config{Addr: addr})    it has its ports
//	err = server.Serve(ctx)                                  until ctx ends
//
// This package is the shell: sockets, TLS, goroutines and the clock. What it decides about rooms and datagrams is
// in sans-IO packages of its own, internal/relay/rooms, forward and mend, which a laboratory drives in virtual time.
// ARCHITECTURE.md draws them.
//
//	TCP/TLS :9999                                        UDP :9999
//	 admission -> client (link, parking)                  work: a worker per socket
//	               |  packages   ^ outbox                  |  batches
//	               v             |                         v
//	        +-----------------------------------------------------------+
//	        | rooms.Core                        its Workers             |
//	        +-----------------------------------------------------------+
//	              ^
//	              |  Tick: user lists, new epochs, silent addresses
//	          announcer (one goroutine)
//
// A connection may be a tunnel instead (tunnel.go): datagrams by TCP, which have lanes of their own.
// Beside them: certificate (cert.go), journal (log.go), sessions that outlive their connections (hold.go), and what is
// done when the whole program has stood still (standstill.go). The payload stays opaque: the relay never imports the
// codec or the jitter buffer, and builds without cgo.
package relay
