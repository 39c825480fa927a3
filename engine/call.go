package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
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
//	revive         a device that broke is opened again  while there is none; one for each direction
//	readDatagrams  socket ─> Listener, answers of the relay, resends; one per path
//	dialTunnel     connects to the relay's TCP port for a tunnel
//	drain          what waits ─> tunnel               while there is one
//	keepControl    packages: users, epochs, the end; dials the relay again when the connection is lost
//	move           joins the next relay while a relay that ends still serves
//	tend           nacks, reports, ladder, probes, who talks, faults, paths: a timer until the next is due
//	scout          asks another of the relay's addresses for a sign of life, while the one in use gives none
//	watchNetwork   changes of this machine's addresses and routes wake tend, where the system tells them
//
// It outlives its connections: supervisor has the states of that.
type Call struct {
	// static
	cfg     Config
	start   time.Time
	events  *eventFeed
	stop    context.CancelCauseFunc
	running context.Context // ends when the call does
	loops   sync.WaitGroup
	done    chan struct{}
	err     error // written before done closes

	source slot[audio.Source]
	sink   slot[audio.Sink]

	home    *dialer                // of Config.Address
	dialer  atomic.Pointer[dialer] // of the relay in use
	control held[*control]         // the last one while it is lost
	link    atomic.Pointer[link]
	paths   [pathKinds]path
	ways    atomic.Pointer[ways] // by which of them we send
	dialed  chan dialed          // what became of dialing a tunnel

	netwatch    io.Closer     // of watchNetwork, nil without it
	kick        chan struct{} // wakes tend
	stirred     atomic.Bool   // this machine's network has changed
	wake        atomic.Int64  // when tend wakes by itself, a time of now
	muted, deaf atomic.Bool
	recordings  atomic.Int32 // that are under way
	level       atomic.Uint32
	signs       signs

	// Locks are held for computing only, never while waiting for a socket or a
	// device, and never two at once; but what is returning is told in order.

	talking sync.Mutex // guards sender
	sender  *Sender
	own     audience

	hearing  sync.Mutex // guards what follows
	listener *Listener
	roster   roster
	others   audience

	probing  sync.Mutex // guards what follows, and the probes of the paths
	up, down meter
	gaps     gaps

	pausing sync.Mutex // guards what follows
	machine Pauses
	output  Pauses
	dry     misses // of the Sink
	spilt   misses // of the Source

	watching sync.Mutex // guards monitor
	monitor  monitor

	returning sync.Mutex // guards what follows
	comeback  comeback
	breakOff  context.CancelFunc // of the attempt under way
	hurry     chan struct{}      // wakes keepControl while it waits for the next one

	session    netproto.Session // as the relay told it; owned by Join, then by keepControl
	attendance attendance

	// owned by tend
	roaming    roaming
	scouting   scouting
	pulse      pulse
	toldOf     int // roster.begun when it was last told who talks
	supervisor supervisor
	second     pair
	overhead   int // of the path in use, as the ladder knows it
	tunnelled  bool
}

// errLeft is why a call that was left ended.
var errLeft = errors.New("left")

// Join enters a room and starts to talk and to listen. ctx covers the whole call: when it
// ends, the call ends as with Leave, and Call.Err tells its cause. Joining takes 10 s at most.
//
// Errors to match: those of Config.Validate, ErrKnownMembers, *CertificateChangedError, ErrRefused,
// ErrServerClosed, ErrConnectionLost, ErrNoVoice, those of package net, and of Config.Open. After
// an error the caller still owns Config.Source and Sink, but not what Open returned.
func Join(ctx context.Context, cfg Config) (*Call, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Passphrase != "" {
		cfg.key = netproto.StretchPassphrase(cfg.Passphrase, cfg.Room)
	}
	known, err := cfg.knownMembers()
	if err != nil {
		return nil, err
	}
	joining, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	d, ctl, hello, sent, err := follow(ctx, joining, cfg)
	if err != nil {
		return nil, err
	}
	var opened []io.Closer
	fail := func(err error) (*Call, error) {
		ctl.Close()
		d.close()
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
	c, err := newCall(ctx, cfg, d, ctl, hello, known)
	if err != nil {
		return fail(err)
	}
	if err := ctl.sendPort(c.clientPort(nil)); err != nil {
		c.closePaths()
		return fail(gone(err))
	}
	if c.comeback.sent, c.comeback.at = sent, sent.Relay; sent.Relay != "" {
		if c.home, err = newDialer(ctx, cfg); err != nil {
			c.closePaths()
			return fail(err)
		}
	}
	c.begin()
	return c, nil
}

func newCall(ctx context.Context, cfg Config, d *dialer, ctl *control, hello welcome, known *knownMembers) (*Call, error) {
	l, err := newLink(ctl, hello.session, &traffic{})
	if err != nil {
		return nil, err
	}
	sending, err := cfg.sender(hello.session.Session, l.to.Load().overhead)
	if err != nil {
		return nil, err // Validate has seen to it: it counts the longest headers
	}
	sender, err := NewSender(0, sending)
	if err != nil {
		return nil, err
	}
	conn, err := l.to.Load().dial()
	if err != nil {
		return nil, fmt.Errorf("cannot open a UDP socket: %w", err)
	}
	c := &Call{
		cfg:      cfg,
		start:    time.Now(),
		home:     d,
		session:  hello.session,
		comeback: comeback{giveUp: cfg.GiveUp, random: rand.Float64},
		hurry:    make(chan struct{}, 1),
		events:   newEventFeed(),
		done:     make(chan struct{}),
		kick:     make(chan struct{}, 1),
		dialed:   make(chan dialed, 1),
		sender:   sender,
		roster:   newRoster(known),
	}
	c.listener = NewListener(ListenerConfig{Jitter: cfg.Jitter, Decoder: cfg.Decoder, Level: cfg.Level, heard: &c.others})
	c.others.name = func(session uint32) string { return c.roster.names[session] }
	c.own.name = func(uint32) string { return cfg.Name }
	c.control.device = ctl
	c.dialer.Store(d)
	c.link.Store(l)
	for kind := range c.paths {
		c.paths[kind].kind = PathKind(kind)
	}
	c.paths[PathUDP].move(newUDP(conn, l.to.Load()))
	c.ways.Store(&ways{second: noPath, twin: noPath})
	c.supervisor.random = rand.Float64
	c.second.roaming.routed = -routeEvery // at once
	c.level.Store(codec.Silent)
	c.signs.hearers.Store(hearersUnknown)
	c.listener.SetCap(cfg.DownCap)
	c.source.set(0, cfg.Source)
	c.sink.set(0, cfg.Sink)
	c.running, c.stop = context.WithCancelCause(ctx)
	c.attendance = cfg.newAttendance(hello.session.Session, hello.entry)
	sender.Talker().SetTag(l.tag)
	c.setRoom(hello)
	return c, nil
}

// begin starts the loops.
func (c *Call) begin() {
	c.loops.Go(c.keepControl)
	c.loops.Go(func() { c.readDatagrams(&c.paths[PathUDP], c.link.Load(), c.paths[PathUDP].socket.get()) })
	c.loops.Go(c.playback)
	c.loops.Go(c.tend)
	if w, err := openNetwatch(); err == nil {
		c.netwatch = w
		c.loops.Go(func() { c.watchNetwork(w) })
	}
	c.loops.Go(c.capture)
	go c.run()
}

// run waits for the end of the call and takes it down, in this order: nothing new is
// started (stop); the sound devices let go of capture and playback; the relay is told; the
// sockets let go of their readers; all loops are joined, and who hears voices; Err says why; the last event is sent.
func (c *Call) run() {
	<-c.running.Done()
	c.source.end()
	c.sink.end()
	c.control.end()
	c.closePaths()
	if c.netwatch != nil {
		c.netwatch.Close()
	}
	c.loops.Wait()
	c.others.end(&c.hearing)
	c.own.end(&c.talking)
	c.dialer.Load().close()
	c.home.close()
	select {
	case d := <-c.dialed: // that nobody took
		d.socket.Close()
	default:
	}
	if cause := context.Cause(c.running); cause != errLeft {
		c.err = cause
	}
	close(c.done)
	c.events.add(Ended{Err: c.err})
	c.events.close()
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

// Err returns why the call ended: ErrRefused, *CertificateChangedError, ErrWornOut, ErrNoVoice, or ErrConnectionLost
// after Config.GiveUp, wrapped; where Join's context ended it, that one's cause, such as context.DeadlineExceeded. It
// is nil while the call goes on and after Leave.
func (c *Call) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// Events returns the channel of what happens. It is closed after Ended. The call never
// waits for its reader: of more than 2048 unread events the oldest are dropped and
// counted in Stats.EventsMissed.
func (c *Call) Events() <-chan Event { return c.events.ch }

// Session is our own session ID. It is another one after Reconnected that did not resume.
func (c *Call) Session() uint32 { return c.link.Load().session }

// Rights is what we may do to others in the room.
func (c *Call) Rights() netproto.Rights { return c.control.get().rights }

// Moderate sends somebody of the room away, who may not come again for the time of a ban, if that is above 0. With mute
// above 0 it stays, and its voice goes to nobody for that time. Both are rounded up to whole seconds, of which 2^31-1
// are the most. What comes of it the room sees, or RelayComplained says why it was not done. Errors are ErrNotAllowed
// and ErrConnectionLost, or say what is wrong with the reason.
func (c *Call) Moderate(session uint32, mute, ban time.Duration, reason string) error {
	need := netproto.MayKick
	switch {
	case mute > 0:
		need = netproto.MayMute
	case ban > 0:
		need = netproto.MayBan
	}
	if c.Rights()&need == 0 {
		return ErrNotAllowed
	}
	words, err := netproto.AppendPackage(nil, netproto.Disconnect{Reason: reason, Session: session, Mute: inSeconds(mute), Ban: inSeconds(ban)})
	if err != nil {
		return err
	}
	ctl := c.control.get()
	_ = ctl.conn.SetWriteDeadline(time.Now().Add(wordTimeout))
	if _, err := ctl.conn.Write(words); err != nil {
		return gone(err)
	}
	return nil
}

// inSeconds is a time as packages have it.
func inSeconds(d time.Duration) int { return int(min(math.Ceil(d.Seconds()), math.MaxInt32)) }

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
// reports whether that session is in the room. It holds for whoever has that name after a reconnect.
func (c *Call) SetVolume(session uint32, volume float32) bool {
	c.hearing.Lock()
	defer c.hearing.Unlock()
	ok := c.listener.SetVolume(session, volume)
	if ok {
		c.roster.volumes[c.roster.names[session]] = volume
	}
	return ok
}
