// Package rooms is who is in which room and at which address, and what the members of a room have to be told: user
// lists and new secrets. It is sans-IO: the time is an argument, and it owns no goroutine.
//
//	Core.Join, Leave     members come and go            core.go, room.go
//	Core.Tick            updates for the rooms          room.go: user lists, epochs; core.go: who has fallen silent
//	Roster.Next, All     packages about a user list     roster.go
//	challenges           where a session lives          path.go
//	Core.Lose, Expire    sessions without a connection, and how long they last: resume.go
//
// It makes the Sessions and Rooms of package forward and says who listens there. Datagrams go past it, to the Workers;
// only what bears on where a session is comes up to it. What guards it all is Core's own lock, under which that of a
// room in forward may be taken; a Roster, which the connections of a room share, has one of its own.
package rooms
