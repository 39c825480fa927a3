package relay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/access"
)

// Bans and mutes outlive the relay in a file of its state directory, one for each port:
//
//	a change --> keep --> the file                       the next relay reads it at its start
//	               \----> the relay that takes this one's place, while this one drains

// sanctionsHead begins the file.
const sanctionsHead = "# Bans and mutes. The relay reads this at its start, and writes it anew with each of them.\n"

// sanctionsFile is where bans and mutes are kept; "": nowhere.
func (s *Server) sanctionsFile() string {
	if s.cfg.StateDir == "" {
		return ""
	}
	return filepath.Join(s.cfg.StateDir, fmt.Sprintf("sanctions-%d", s.addr.Port()))
}

// loadSanctions puts those in force that a relay before this one has left.
func (s *Server) loadSanctions() error {
	path := s.sanctionsFile()
	f, err := os.Open(path)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("relay: bans and mutes: %w", err)
	}
	defer f.Close()
	if err := s.sanctions.Read(f, time.Now()); err != nil {
		return fmt.Errorf("relay: %w: bans and mutes: %s: %w (mend or remove it)", ErrConfig, path, err)
	}
	return nil
}

// keep is a goroutine: it writes down what changes, and tells the relay that takes this one's place, until the end.
func (s *Server) keep() {
	var told map[string]bool // lines, to that relay
	for ending := false; !ending; {
		select {
		case <-s.changed:
		case <-s.stop:
			ending = true
			select {
			case <-s.changed:
			default:
				return
			}
		}
		s.mu.Lock()
		next := s.successor
		s.mu.Unlock()
		lines := strings.Split(s.sanctions.Text(time.Now()), "\n")
		if next == nil {
			if err := s.writeSanctions(strings.Join(lines, "\n")); err != nil {
				s.log.Error("bans and mutes are not kept: they end with this relay", "error", err)
			}
			continue
		}
		if told == nil {
			told = make(map[string]bool)
		}
		if err := passSanctions(next, lines, told); err != nil {
			s.log.Error("the relay that takes this one's place does not know of all bans and mutes", "error", err)
		}
	}
}

func (s *Server) writeSanctions(text string) error {
	path := s.sanctionsFile()
	if path == "" {
		return errors.New("no state directory: give one with --state")
	}
	return replaceFile(path, []byte(sanctionsHead+text))
}

// passSanctions sends the lines that have not been told.
func passSanctions(to net.Conn, lines []string, told map[string]bool) error {
	_ = to.SetWriteDeadline(time.Now().Add(closeTime))
	for _, line := range lines {
		if line == "" || told[line] {
			continue
		}
		told[line] = true
		if _, err := io.WriteString(to, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// takeSanctions puts those in force that the relay whose place this one takes tells of, until it ends.
func (s *Server) takeSanctions(from io.Reader) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		given, err := access.ParseSanction(lines.Text())
		if err == nil {
			s.mu.Lock()
			if err = s.sanctions.Add(given, time.Now()); err == nil {
				s.enforceLocked(given.Subject, given.Mute, "")
			}
			s.mu.Unlock()
		}
		if err != nil {
			s.log.Error("a ban or mute of the relay before is lost", "error", err)
		}
		ring(s.changed)
	}
}
