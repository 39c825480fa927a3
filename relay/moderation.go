package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/access"
	"github.com/tincan-voice/tincan/internal/relay/cluster"
	"github.com/tincan-voice/tincan/netproto"
)

// ErrNobody says that nobody has that session, or nothing is in force about that address or token.
var ErrNobody = errors.New("nobody is meant by that")

// guest is what the relay knows of who has a session, besides its connection.
type guest struct {
	from       netip.Addr
	token      *access.Token // nil: none
	name, room string
	mutedAs    access.Subject // by which it was muted while it was there, whatever address it has now
}

// Sanction is a ban or a mute that is in force.
type Sanction struct {
	Who   string // a network, or token: and its ID
	Mute  bool   // it may come in, and its voice goes to nobody; else it may not come in
	Until time.Time
}

// loadTokens reads the file of tokens, if there is one.
func loadTokens(cfg Config) (*access.Tokens, error) {
	if cfg.TokenFile == "" {
		return nil, nil
	}
	f, err := os.Open(cfg.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("relay: tokens: %w", err)
	}
	defer f.Close()
	tokens, err := access.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("relay: %w: %s: %w", ErrConfig, cfg.TokenFile, err)
	}
	return tokens, nil
}

// banned says why somebody may not come in; "": it may.
func (s *Server) banned(from netip.Addr, t *access.Token) string {
	ban, ok := s.sanctions.Find(from, t, false, time.Now())
	if !ok {
		return ""
	}
	return "banned from this relay until " + ban.Until.UTC().Format("2006-01-02 15:04 UTC")
}

// greetLocked decides about somebody who has sent a name, or a proof that it has a session.
func (s *Server) greetLocked(c *client, p netproto.SendNickname) (guest, error) {
	g := guest{from: c.from.Addr(), name: p.Name, room: p.Room}
	var err error
	if g.token, err = s.tokens.Load().Check(p.Token, p.Name, p.Room, time.Now()); err != nil {
		return g, err
	}
	if reason := s.banned(g.from, g.token); reason != "" {
		return g, errors.New(reason)
	}
	return g, nil
}

// mutedUntil is when somebody is heard, on the clock of now; 0: at once.
func (s *Server) mutedUntil(g guest) time.Duration {
	if mute, ok := s.sanctions.Find(g.from, g.token, true, time.Now()); ok {
		return mute.Until.Sub(s.start)
	}
	return 0
}

// Kick sends somebody away, who may come again. The error is ErrNobody.
func (s *Server) Kick(session uint32, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sendAwayLocked(session, orReason(reason, "sent away by the relay's operator")) {
		return fmt.Errorf("%w: no session %d", ErrNobody, session)
	}
	return nil
}

func orReason(reason, otherwise string) string {
	if reason == "" {
		return otherwise
	}
	return reason
}

// sendAwayLocked ends a session.
func (s *Server) sendAwayLocked(id uint32, reason string) bool {
	g, ok := s.guests[id]
	if !ok {
		return false
	}
	reason = netproto.CleanReason(reason)
	if c := s.sessions[id]; c != nil {
		delete(s.sessions, id)
		c.send(netproto.Disconnect{Reason: reason})
		c.out.dismiss()
	} else if h, held := s.held[id]; held {
		delete(s.held, id)
		s.admission.release(h.from.Addr())
	}
	delete(s.guests, id)
	s.core.Leave(id)
	s.wake()
	s.note(slog.LevelInfo, g.from, "sent away", "session", id, "name", g.name, "reason", reason)
	s.drainedLocked()
	return true
}

// Ban keeps somebody away for so long: a session by its number, an address, a network as in 192.0.2.0/24, or a token
// by token: and its ID. A session that has shown a token is known by that, another one by its address, and then all
// behind that are meant. Those who are there are sent away. It is written down in Config.StateDir. Errors are
// ErrNobody, or say what is wrong with who.
func (s *Server) Ban(who string, d time.Duration, reason string) error {
	return s.sanction(who, d, false, reason)
}

// Mute has the voice of those go to nobody for so long, in the session that they have and in later ones. Who and
// errors are as for Ban.
func (s *Server) Mute(who string, d time.Duration) error { return s.sanction(who, d, true, "") }

func (s *Server) sanction(who string, d time.Duration, mute bool, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject, err := s.subjectLocked(who)
	if err != nil {
		return err
	}
	return s.decideLocked(subject, d, mute, reason)
}

// decideLocked is sanctionLocked at all relays of the cluster.
func (s *Server) decideLocked(subject access.Subject, d time.Duration, mute bool, reason string) error {
	err := s.sanctionLocked(subject, d, mute, reason)
	if err == nil {
		s.share(cluster.Sanction{Who: subject.String(), Mute: mute, Until: time.Now().Add(d), Reason: reason})
	}
	return err
}

func (s *Server) sanctionLocked(subject access.Subject, d time.Duration, mute bool, reason string) error {
	now := time.Now()
	until := now.Add(d)
	if err := s.sanctions.Add(access.Sanction{Subject: subject, Mute: mute, Until: until}, now); err != nil {
		return err
	}
	kind := "banned"
	if mute {
		kind = "muted"
	}
	reason = netproto.CleanReason(reason)
	s.log.Info(kind, "who", subject.String(), "until", until.UTC().Format(time.RFC3339), "reason", reason)
	ring(s.changed)
	s.enforceLocked(subject, mute, reason)
	return nil
}

// enforceLocked does to those who are there what is in force about them.
func (s *Server) enforceLocked(subject access.Subject, mute bool, reason string) {
	for id, g := range s.guests {
		switch {
		case !subject.Is(g.from, g.token):
		case mute:
			g.mutedAs = subject
			s.guests[id] = g
			s.muteLocked(id, s.mutedUntil(g)) // another mute may be longer
		default:
			s.sendAwayLocked(id, orReason(reason, s.banned(g.from, g.token)))
		}
	}
}

// muteLocked mutes a session, or has it heard again, and tells its client.
func (s *Server) muteLocked(id uint32, until time.Duration) {
	s.core.Mute(id, until)
	if c := s.sessions[id]; c != nil && c.voice > 0 {
		c.send(netproto.Session{Session: id, Voice: c.voice, Mute: max(s.mutedFor(until), 1)})
	}
}

// mutedFor is until then in seconds, as packages have it: 0 where that is over.
func (s *Server) mutedFor(until time.Duration) int {
	return int(min(max(math.Ceil((until-s.now()).Seconds()), 0), math.MaxInt32))
}

// Lift ends a ban, or a mute; who is as for Ban. The error is ErrNobody where there is none.
func (s *Server) Lift(who string, mute bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject, err := s.subjectLocked(who)
	if id, no := strconv.ParseUint(who, 10, 32); no == nil && mute && s.guests[uint32(id)].mutedAs != (access.Subject{}) {
		subject = s.guests[uint32(id)].mutedAs
	}
	switch {
	case err != nil:
		return err
	case s.successor != nil:
		return errors.New("this relay is being replaced, so nothing is lifted here any more: say it to the one that takes its place, " +
			"by address, network or token: sessions have other numbers there")
	case !s.liftLocked(subject, mute):
		return fmt.Errorf("%w: nothing is in force about %v", ErrNobody, subject)
	}
	s.share(cluster.Sanction{Who: subject.String(), Mute: mute, Lifted: true})
	return nil
}

// liftLocked ends a ban or a mute, if there is one.
func (s *Server) liftLocked(subject access.Subject, mute bool) bool {
	if !s.sanctions.Lift(subject, mute, time.Now()) {
		return false
	}
	s.log.Info("lifted", "who", subject.String(), "mute", mute)
	ring(s.changed)
	for id, g := range s.guests {
		if mute && (subject.Is(g.from, g.token) || subject == g.mutedAs) {
			s.muteLocked(id, s.mutedUntil(g))
		}
	}
	return true
}

// subjectLocked is who is meant.
func (s *Server) subjectLocked(who string) (access.Subject, error) {
	id, err := strconv.ParseUint(who, 10, 32)
	if err != nil {
		return access.ParseSubject(who)
	}
	g, ok := s.guests[uint32(id)]
	switch {
	case !ok:
		return access.Subject{}, fmt.Errorf("%w: no session %d", ErrNobody, id)
	case g.token != nil:
		return access.Subject{Token: g.token.ID}, nil
	}
	return access.SubjectOf(g.from), nil
}

// Sanctions returns the bans and mutes in force, the first to end first.
func (s *Server) Sanctions() []Sanction {
	list := s.sanctions.List(time.Now())
	all := make([]Sanction, len(list))
	for i, l := range list {
		all[i] = Sanction{l.Subject.String(), l.Mute, l.Until}
	}
	return all
}

// moderate does to another session in its room what a client may and wants.
func (s *Server) moderate(c *client, p netproto.Disconnect) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.guests[c.session]
	other, there := s.guests[p.Session]
	need := netproto.MayKick
	switch {
	case p.Mute > 0:
		need = netproto.MayMute
	case p.Ban > 0:
		need = netproto.MayBan
	}
	switch {
	case s.sessions[c.session] != c:
		return errors.New("who has no session has no rights")
	case own.token == nil || own.token.Rights&need == 0:
		return errors.New("you have no right to do that: the relay's operator gives it, with a token")
	case !there && s.mesh != nil && s.core.HasFar(p.Session, own.room):
		s.mesh.do(func(n *cluster.Node) {
			n.Order(cluster.Order{Room: own.room, Session: p.Session, By: own.name, Mute: p.Mute, Ban: p.Ban, Reason: p.Reason})
		})
		return nil
	case !there || other.room != own.room:
		return fmt.Errorf("session %d is not in your room", p.Session)
	}
	return s.applyLocked(p.Session, own.name, p.Mute, p.Ban, p.Reason)
}

// applyLocked does to a session what a member of that name may and wants: for so many seconds a mute or a ban, else
// it is sent away.
func (s *Server) applyLocked(session uint32, by string, mute, ban int, why string) error {
	subject, err := s.subjectLocked(strconv.FormatUint(uint64(session), 10))
	if err != nil {
		return err
	}
	s.log.Info("moderated", "by", by, "other", session, "mute", mute, "ban", ban)
	reason := "sent away by " + by
	if r := strings.TrimSpace(why); r != "" {
		reason += ": " + r
	}
	switch {
	case mute > 0:
		return s.decideLocked(subject, time.Duration(mute)*time.Second, true, "by "+by)
	case ban > 0:
		return s.decideLocked(subject, time.Duration(ban)*time.Second, false, reason)
	}
	s.sendAwayLocked(session, reason)
	return nil
}

// tokenReview is how often it is looked whether tokens have expired.
const tokenReview = 10 * time.Second

// reviewTokens sends those away whose token is not good any more, and gives the others the rights that it has now.
func (s *Server) reviewTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, tokens := time.Now(), s.tokens.Load()
	for id, g := range s.guests {
		token, ok := tokens.Again(g.token, g.name, g.room, now)
		if !ok {
			s.sendAwayLocked(id, access.ErrBadToken.Error())
			continue
		}
		g.token = token
		s.guests[id] = g
	}
}
