package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/netproto"
)

// Errors that end a joining or a call, to match with errors.Is. They come wrapped with
// the cause.
var (
	// ErrRefused: the relay did not let us in, or sent us away.
	ErrRefused = errors.New("the relay refused")
	// ErrServerClosed: the relay was shut down while we joined. It ends no call: a relay comes back.
	ErrServerClosed = errors.New("the relay was shut down")
	// ErrConnectionLost: the control connection broke while we joined, or was away for longer than Config.GiveUp.
	ErrConnectionLost = errors.New("connection to the relay lost")
	// ErrNotAllowed: the relay has not given us that right.
	ErrNotAllowed = errors.New("you have no right to do that: the relay's operator gives it, with a token")
	// ErrNoVoice: the relay gave no keys for voice that this version speaks.
	ErrNoVoice = errors.New("the relay speaks no voice that we know")
)

const (
	joinTimeout  = 10 * time.Second       // from the first byte to SESSION
	leaveTimeout = 200 * time.Millisecond // to write DISCONNECT
	// wordTimeout is how long another word in a call may take to write. There always is room for it, but a machine that
	// is too busy may let us wait.
	wordTimeout = 2 * time.Second

	// maxFirstLists bounds what a relay may say of the room's members before SESSION; a good
	// one sends one list, and the others behind.
	maxFirstLists = 64
)

// control is the TCP or TLS connection with its JSON packages. One goroutine reads; any may write.
type control struct {
	conn    net.Conn
	raw     net.Conn      // below TLS
	took    time.Duration // to connect by TCP: a round trip
	relay   presented
	trust   Trust
	network *Network        // by which it was made, nil: the system's
	rights  netproto.Rights // as the answer to our name says
	given   atomic.Pointer[error]

	// owned by the reader
	dec   netproto.Decoder
	buf   [4096]byte
	again []netproto.Package // that next has returned, and returns once more
}

// enter connects and says who we are. ctx bounds it.
func enter(ctx context.Context, d *dialer, was netproto.Session, e entry) (*control, welcome, error) {
	ctl, err := d.dial(ctx)
	if err != nil {
		return nil, welcome{}, err
	}
	hello, err := ctl.greet(ctx, &d.cfg, was, e)
	switch {
	case err != nil && was.Resume != "":
		ctl.giveUp(err) // without a word: the session may go on
	case err != nil:
		ctl.Close()
	}
	return ctl, hello, err
}

// welcome is what the relay answers to SEND_NICKNAME.
type welcome struct {
	session netproto.Session
	entry   entry                   // by which we got it
	users   []netproto.SendNewUsers // that came before the session
}

// greet says who we are and waits for the session: the one that was, if the relay still has it. ctx bounds it.
func (c *control) greet(ctx context.Context, cfg *Config, was netproto.Session, e entry) (welcome, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	w, err := c.handshake(cfg, was, e)
	if !stop() && err == nil {
		err = os.ErrDeadlineExceeded
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ErrConnectionLost, &notLetIn{c.conn.RemoteAddr(), cause})
	}
	return w, err
}

func (c *control) handshake(cfg *Config, was netproto.Session, e entry) (welcome, error) {
	w := welcome{entry: e}
	nick := netproto.SendNickname{
		Name: cfg.Name, Voice: netproto.Version, Room: cfg.Room, Token: cfg.Token, Cap: int(cfg.DownCap), Fresh: e.fresh, Attempt: e.attempt,
	}
	if was.Resume != "" {
		nick.Resume, nick.Proof = was.Resume, netproto.HopKey(was.HopKey).ResumeProof(was.Resume)
	}
	if err := c.send(nick); err != nil {
		return w, gone(err)
	}
	for {
		p, err := c.next()
		if err != nil {
			return w, gone(err)
		}
		switch p := p.(type) {
		case netproto.SendNewUsers:
			if p.Left == nil {
				w.users = nil // what came before is no more than this
			}
			if len(w.users) < maxFirstLists {
				w.users = append(w.users, p)
			}
		case netproto.Session:
			w.session, c.rights = p, p.Rights
			return w, checkSession(p)
		case netproto.UnknownError:
			return w, fmt.Errorf("%w: %s", ErrRefused, orNoReason(p.Reason))
		default:
			if err := ending(p); err != nil {
				return w, err
			}
		}
	}
}

func checkSession(s netproto.Session) error {
	if s.Voice != netproto.Version || len(s.HopKey) != netproto.KeySize {
		return fmt.Errorf("%w (its version %d, ours %d)", ErrNoVoice, s.Voice, netproto.Version)
	}
	return nil
}

// ending returns the error that a package ends the call with, or nil if it does not.
func ending(p netproto.Package) error {
	switch p := p.(type) {
	case netproto.Disconnect:
		return fmt.Errorf("%w: %s", ErrRefused, orNoReason(p.Reason))
	case netproto.ServerClose:
		return &serverClosed{p}
	}
	return nil
}

func orNoReason(reason string) string {
	if reason == "" {
		return "no reason given"
	}
	return reason
}

// gone explains a failed read or write.
func gone(err error) error {
	return fmt.Errorf("%w: %w", ErrConnectionLost, err)
}

// next returns the next package, its names and reasons clean: nothing that a relay sends
// reaches a terminal otherwise. Packages that make no sense are passed over, as the
// protocol asks. After an error the connection is of no more use.
func (c *control) next() (netproto.Package, error) {
	if len(c.again) > 0 {
		p := c.again[0]
		c.again = c.again[1:]
		return p, nil
	}
	for {
		p, err := c.dec.Next()
		var bad *netproto.PackageError
		switch {
		case err == nil:
			return c.cleaned(p), nil
		case errors.As(err, &bad):
			continue
		case !errors.Is(err, netproto.ErrNeedMore):
			return nil, err
		}
		n, err := c.conn.Read(c.buf[:])
		if n == 0 && err != nil {
			return nil, err
		}
		c.dec.Write(c.buf[:n])
	}
}

// cleaned is p with all that is shown to people fit for a terminal, and without a relay to go to that is not to be
// trusted: without a fingerprint the call does not go there.
func (c *control) cleaned(p netproto.Package) netproto.Package {
	switch p := p.(type) {
	case netproto.SendNewUsers:
		for i, name := range p.Users {
			p.Users[i] = netproto.CleanName(name)
		}
	case netproto.UnknownError:
		return netproto.UnknownError{Reason: netproto.CleanReason(p.Reason)}
	case netproto.Disconnect:
		return netproto.Disconnect{Reason: netproto.CleanReason(p.Reason)}
	case netproto.ServerClose:
		p.Reason = netproto.CleanReason(p.Reason)
		if !c.vouches(p) {
			p.Fingerprint = ""
			if c.network == nil || !isRelay(p.Relay) {
				p.Relay = ""
			} // else it is for people to read
		}
		return p
	}
	return p
}

// vouches tells whether a relay that sends us to another one is known to be itself, and says by what key that one is
// known.
func (c *control) vouches(p netproto.ServerClose) bool {
	return c.relay.fingerprint != "" && isRelay(p.Relay) && isFingerprint(p.Fingerprint)
}

// isRelay tells whether it is a relay's address that may be shown.
func isRelay(where string) bool {
	_, err := address.Parse(where)
	return err == nil && netproto.CleanReason(where) == where
}

// leads tells whether a relay that closes has somewhere for the call to go.
func leads(p netproto.ServerClose) bool { return p.Relay != "" && p.Fingerprint != "" }

func (c *control) send(p netproto.Package) error {
	b, err := netproto.AppendPackage(nil, p)
	if err != nil {
		return err
	}
	_, err = c.conn.Write(b)
	return err
}

// sendPort tells the relay our UDP port, and our sender key for others. It acknowledges that: so this also asks for a
// sign of life.
func (c *control) sendPort(p netproto.ClientPort) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(wordTimeout))
	return c.send(p)
}

// Close says goodbye, if that takes no time, and closes the connection: a pending
// next fails.
func (c *control) Close() error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(leaveTimeout))
	_ = c.send(netproto.Disconnect{}) // the relay also notices the end by itself
	return c.conn.Close()
}

// giveUp closes the connection without a word, as the relay may keep the session: a pending next fails, and lost says
// why.
func (c *control) giveUp(why error) {
	c.given.CompareAndSwap(nil, &why)
	_ = c.raw.Close()
}

// lost explains a failed read.
func (c *control) lost(err error) error {
	if why := loadErr(&c.given); why != nil {
		err = why
	}
	return gone(err)
}
