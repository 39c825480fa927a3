// Package cluster is what relays tell each other, so that a room may span several of them: who is there, in which rooms
// they have whom, which epochs begin, and sender keys, bans and mutes on their way. It is sans-IO: the time is an
// argument, messages come in and go out as bytes, and somebody else carries them. Voice does not pass here: package
// forward sends it from relay to relay by UDP.
//
//	Node.Tick        signs of life, leases, parts of rooms that have changed      node.go
//	Node.Take        a message of another relay                                   node.go
//	Node.Actions     what comes of both: to publish, to subscribe to, to tell     node.go
//	box              every message is sealed under the cluster's secret           box.go
//
// A relay says of its own members only, so nothing is written by two, and nothing has to be agreed on but who begins
// a room's epochs (package rooms). All of it is soft state: it is said again every few seconds, and forgotten with its
// relay. docs/cluster.md has the whole of it.
package cluster
