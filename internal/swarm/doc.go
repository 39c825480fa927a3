// Package swarm is a load tool: one process plays thousands of clients of a
// relay and measures what the relay does with them. The clients are real on the
// wire (control connection over TLS, hop tags, sealed voice, probes, answers
// to challenges), and light inside: no codec, no jitter buffer, no goroutine of
// their own.
//
//	joiners ---control---> relay        while clients join and leave
//	pacer   1 goroutine                 every probe and datagram of voice at its time
//	readers 1 per 2 cores               all datagrams and control bytes, by the batch
//
//	          frame 8-byte time, noise     relay      listener's socket
//	talker -> sealed, hop tag -----------> ----> ---> count; a sample of listeners
//	                                                  opens it: now - time
//
// Each talker sends one frame per datagram, 50 per second, and shifts as the relay wishes; at first the talkers of all
// rooms are spread evenly over the 20 ms. Every client has a UDP socket of its own.
//
// On Linux the readers do not wait for single datagrams: they empty all sockets
// that have something every readTick, and take a datagram's time of arrival from the
// kernel (SO_TIMESTAMPNS). So thousands of sockets cost few wake-ups, and the latency
// is that of the relay and the network, without that of this process; but what comes by tunnels is timed when it is
// read. On other systems each client has two plain goroutines, and the time is that of the read.
package swarm
