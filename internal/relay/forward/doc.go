// Package forward is the way of a datagram through the relay, from the session that it names to everyone else in
// the room. It is sans-IO: the time is an argument, and what is to be sent goes out through an Output.
//
//	         Worker.Queue                                                         Worker.Flush
//	datagram ------------> session by ID -> hop tag -> replay window -> rate      outgoing -> bundle -> Group.Send
//	                                                                     |          ^
//	                        Keeper <- challenge reply, strange address --+          | heard
//	                        mend   <- report, nack ----------------------+          |
//	                                                     voice ----------+-> mend, stage (the loudest)
//
// It makes no garbage and copies nothing that goes out with the batch in which it came. A session is found in a
// table of atomic pointers, and a room's listeners are a list that never changes but is replaced when someone comes,
// goes or moves. On its way voice takes one lock, that of its room, for the choice of talkers and for what loss needs
// (package mend); it is held for computing only, never while anything is sent. With steering all of a room's
// datagrams come to one worker, which finds the lock free.
//
// The package knows no names, user lists or epochs: who keeps the rooms (package rooms) makes Sessions and Rooms, says
// who listens, and is asked as Keeper where a datagram bears on that.
package forward
