package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
)

// Call is one end of a call, made by Join. Its methods may be called from any goroutine.
//
// Its goroutines, all owned by run and joined when the call ends:
//
//	capture        Source ─> Sender ─> socket         paced by Source.Read
//	playback       Listener ─> Sink                   paced by Sink.Write
//	reviveSink     a Sink that broke is opened again  while there is none
//	readDatagrams  socket ─> Listener, answers of the relay, resends
//	readControl    packages: users, epochs, the end
//	tend           nacks, reports, ladder, probes, who talks, faults: a timer that sleeps until the next is due
type Call struct {
	// static
	cfg     Config
	start   time.Time
	session uint32
	phrase  *[32]byte // key of the passphrase, nil without
	control *control
	link    *link
	events  *eventQueue
	stop    context.CancelCauseFunc
	running context.Context // ends when the call does
	loops   sync.WaitGroup
	done    chan struct{}
	err     error // written before done closes

	source held[audio.Source] // as opened last; unused without one
	sink   held[audio.Sink]

	kick        chan struct{} // wakes tend
	wake        atomic.Int64  // when tend wakes by itself, a time of now
	muted, deaf atomic.Bool
	level       atomic.Uint32
	signs       signs

	// Locks are held for computing only, never while waiting for a socket or a
	// device, and never two at once.

	talking sync.Mutex // guards sender
	sender  *Sender

	hearing  sync.Mutex // guards listener
	listener *Listener

	probing  sync.Mutex // guards what follows
	probes   probes
	up, down meter

	watching sync.Mutex // guards monitor
	monitor  monitor

	users map[uint32]string // who is in the room; owned by Join, then by readControl
}

// errLeft is why a call that was left ended.
var errLeft = errors.New("left")

// Join enters a room and starts to talk and to listen. ctx covers the whole call: when it
// ends, the call ends as with Leave. Joining takes 10 s at most.
//
// Errors to match: those of Config.Validate, *CertificateChangedError, ErrRefused,
// ErrServerClosed, ErrConnectionLost, ErrNoVoice, those of package net, and of Config.Open. After
// an error the caller still owns Config.Source and Sink, but not what Open returned.
func Join(ctx context.Context, cfg Config) (*Call, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	joining, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	ctl, err := dialControl(joining, &cfg)
	if err != nil {
		return nil, err
	}
	hello, err := ctl.greet(joining, &cfg)
	if err != nil {
		ctl.close()
		return nil, err
	}
	var opened []io.Closer
	fail := func(err error) (*Call, error) {
		ctl.close()
		for _, o := range opened {
			o.Close()
		}
		return nil, err
	}
	if cfg.Open != nil {
		if cfg.Source, cfg.Sink, err = cfg.Open(joining); err != nil {
			return fail(err)
		}
		if cfg.Source != nil {
			opened = append(opened, cfg.Source)
		}
		if cfg.Sink != nil {
			opened = append(opened, cfg.Sink)
		}
		if err := joining.Err(); err != nil { // it took too long, or nobody wants it any more
			return fail(err)
		}
	}
	c, err := newCall(ctx, cfg, ctl, hello)
	if err != nil {
		return fail(err)
	}
	if err := ctl.send(netproto.ClientPort{Port: c.link.port()}); err != nil {
		c.link.conn.Close()
		return fail(gone(err))
	}
	c.begin(ctx)
	return c, nil
}

func newCall(ctx context.Context, cfg Config, ctl *control, hello welcome) (*Call, error) {
	l, err := dialLink(ctl.conn.RemoteAddr(), hello.session)
	if err != nil {
		return nil, fmt.Errorf("cannot open a UDP socket: %w", err)
	}
	sending, err := cfg.sender(hello.session.Session, l.overhead)
	if err != nil {
		l.conn.Close()
		return nil, err // Validate has seen to it: it counts the longest headers
	}
	sender, err := NewSender(0, sending)
	if err != nil {
		l.conn.Close()
		return nil, err
	}
	c := &Call{
		cfg:      cfg,
		start:    time.Now(),
		session:  hello.session.Session,
		control:  ctl,
		link:     l,
		events:   newEventQueue(),
		done:     make(chan struct{}),
		kick:     make(chan struct{}, 1),
		sender:   sender,
		listener: NewListener(ListenerConfig{Jitter: cfg.Jitter}),
		users:    map[uint32]string{},
	}
	c.level.Store(codec.Silent)
	c.signs.hearers.Store(hearersUnknown)
	c.listener.SetCap(cfg.DownCap)
	if cfg.Sink == nil {
		c.cfg.Sink = audio.PacedSink(audio.Discard())
	}
	c.source.device, c.sink.device = c.cfg.Source, c.cfg.Sink
	if cfg.Passphrase != "" {
		key := netproto.PassphraseKey(cfg.Passphrase, cfg.Room)
		c.phrase = &key
	}
	c.running, c.stop = context.WithCancelCause(ctx)
	c.setKeys(hello.session)
	for _, list := range hello.users {
		c.setUsers(list)
	}
	return c, nil
}

// begin starts the loops. The call ends with ctx.
func (c *Call) begin(ctx context.Context) {
	c.loops.Go(c.readControl)
	c.loops.Go(c.readDatagrams)
	c.loops.Go(c.playback)
	c.loops.Go(c.tend)
	if c.cfg.Source != nil {
		c.loops.Go(c.capture)
	}
	go c.run(ctx)
}

// run waits for the end of the call and takes it down, in this order: nothing new is
// started (stop); the sound devices let go of capture and playback; the relay is told; the
// sockets let go of their readers; all loops are joined; the last event is sent.
func (c *Call) run(ctx context.Context) {
	<-c.running.Done()
	if c.cfg.Source != nil {
		c.source.end()
	}
	c.sink.end()
	c.control.close()
	c.link.conn.Close()
	c.loops.Wait()
	if cause := context.Cause(c.running); cause != errLeft && cause != context.Cause(ctx) {
		c.err = cause
	}
	c.events.add(Ended{Err: c.err})
	c.events.close()
	close(c.done)
}

// now is the time since the call began, by the monotonic clock.
func (c *Call) now() time.Duration { return time.Since(c.start) }

// Leave ends the call and returns when everything of it has ended: sockets, goroutines,
// Source and Sink. It may be called more than once.
func (c *Call) Leave() {
	c.stop(errLeft)
	<-c.done
}

// Done is closed when the call has ended, by Leave or by itself.
func (c *Call) Done() <-chan struct{} { return c.done }

// Err returns why the call ended by itself: ErrConnectionLost, ErrServerClosed or
// ErrRefused, wrapped. It is nil while the call goes on, after Leave and after the end
// of Join's context.
func (c *Call) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// Events returns the channel of what happens. It is closed after Ended. The call never
// waits for its reader: of more than 256 unread events the oldest are dropped and
// counted in Stats.EventsMissed.
func (c *Call) Events() <-chan Event { return c.events.ch }

// Session is our own session ID.
func (c *Call) Session() uint32 { return c.session }

// Mute stops sending speech, or goes on.
func (c *Call) Mute(muted bool) {
	c.talking.Lock()
	c.sender.Talker().SetMuted(muted)
	c.talking.Unlock()
	if c.muted.Swap(muted) != muted {
		c.signs.unmuted.at(c.now())
		c.events.add(Muted{muted})
	}
}

// Deafen plays silence, or goes on. The relay is told, so that it need not
// send what is not heard.
func (c *Call) Deafen(deaf bool) {
	if c.deaf.Swap(deaf) == deaf {
		return
	}
	c.hearing.Lock()
	c.listener.SetDeaf(deaf)
	c.hearing.Unlock()
	c.events.add(Deafened{deaf})
}

// SetVolume sets how loud somebody is here: 1 as spoken, 0 silent, at most MaxVolume. It
// reports whether that session is in the room.
func (c *Call) SetVolume(session uint32, volume float32) bool {
	c.hearing.Lock()
	defer c.hearing.Unlock()
	return c.listener.SetVolume(session, volume)
}

// setKeys takes the room secret of a SESSION package. A later one, that starts an epoch,
// leaves out what has not changed.
func (c *Call) setKeys(s netproto.Session) {
	if len(s.MediaKey) != netproto.KeySize {
		return
	}
	secret := netproto.RoomSecret(s.MediaKey)
	if c.phrase != nil {
		secret = secret.WithPassphrase(*c.phrase)
	}
	c.hearing.Lock()
	c.listener.SetSecret(s.Epoch, secret)
	c.hearing.Unlock()
	c.talking.Lock()
	c.sender.Talker().SetKeys(s.Epoch, secret, c.link.tag)
	c.talking.Unlock()
}

// maxUsers bounds who is taken for a member, whatever a relay says; one holds 16384
// sessions unless its operator wants more.
const maxUsers = 1 << 15

// setUsers takes a list of who is in the room, or what is other than in the last ones.
func (c *Call) setUsers(list netproto.SendNewUsers) {
	if len(list.Sessions) != len(list.Users) {
		return // without IDs nobody can be told apart
	}
	left := list.Left
	if left == nil { // a whole list: who is not in it has left
		here := make(map[uint32]bool, len(list.Sessions))
		for _, session := range list.Sessions {
			here[session] = true
		}
		for session := range c.users {
			if !here[session] {
				left = append(left, session)
			}
		}
	}
	var events []Event
	rtt := c.roundTrip()
	c.hearing.Lock()
	for _, session := range left {
		if name, ok := c.users[session]; ok {
			delete(c.users, session)
			last, _ := c.listener.RemovePeer(c.now(), session)
			last.MouthToEar = mouthToEar(last.Delay, rtt)
			events = append(events, PeerLeft{session, name, last})
		}
	}
	for i, session := range list.Sessions {
		_, known := c.users[session]
		if session == c.session || !known && len(c.users) == maxUsers {
			continue
		}
		c.users[session] = list.Users[i]
		c.listener.AddPeer(session, list.Users[i])
		if !known {
			events = append(events, PeerJoined{session, list.Users[i]})
		}
	}
	c.hearing.Unlock()
	c.signs.peers.Store(int32(len(c.users)))
	if len(events) > 0 || c.signs.listed.Load() == 0 {
		c.signs.listed.at(c.now())
	}
	for _, e := range events {
		c.events.add(e)
	}
}
