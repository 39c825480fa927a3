// Package netproto is the wire of tincan: the JSON packages that control a
// call over TCP and the sealed datagrams that carry its voice over UDP. It
// only turns values into bytes and back. It owns no socket, no goroutine and
// no clock, and its data path does not allocate.
//
//	             TCP or TLS, port 9999                UDP, port 9999
//	        +---------------------------+    +------------------------------+
//	        | {"KEY": 2, "NAME": ...}   |    | voice, probes, reports, ...  |
//	        +---------------------------+    +------------------------------+
//	write     AppendPackage                    AppendFrames, Append*   (body)
//	                                           Sealer.Seal         (datagram)
//	                                           HopTagger.Append (uplink voice)
//	read      Decoder.Write, Decoder.Next      HopTagger.Check, ReplayWindow
//	          CheckName, CheckRoom             ParseHeader, Sealer.Open
//	                                           ParseFrames, Parse*     (body)
//
// A datagram of voice, sizes in bytes:
//
//	+---------+-------+------------------------+-----+---------+
//	| header  | level | sealed frames          | tag | hop tag |
//	|    9    |   1   |          n             | 12  |    4    |
//	+---------+-------+------------------------+-----+---------+
//	|<-- authenticated -->|<-- AES-128-GCM ------->|
//	|<-- what the relay forwards as is ----------->| uplink only
//
// The exact description, for those who write another client, is
// docs/protocol.md; testdata holds test vectors for all of it.
package netproto
