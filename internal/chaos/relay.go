package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/relaycmd"
)

// relay is one after the other at the same address.
type relay struct {
	ctx     context.Context
	program string
	hold    time.Duration
	address string

	troubles troubles

	mu   sync.Mutex // guards what follows
	last *relaycmd.Relay
	gone bool // it was ended and not yet started again
}

func startRelay(ctx context.Context, dir string, o options) (*relay, error) {
	program, err := relaycmd.Build(ctx, dir, o.race)
	if err != nil {
		return nil, err
	}
	r := &relay{ctx: ctx, program: program, hold: o.hold, address: "127.0.0.1:0"}
	return r, r.begin()
}

// begin starts it, where it was if it was before.
func (r *relay) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		return err
	}
	if r.last, err = relaycmd.Start(r.ctx, r.program, port, "--per-address", "1000", "--hold", r.hold.String()); err != nil {
		r.gone = true
		return err
	}
	r.address, r.gone = r.last.Address, false
	return nil
}

// end kills it, or ends it with SIGTERM.
func (r *relay) end(kill bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
	if kill {
		return r.last.Kill()
	}
	return r.last.Terminate()
}

// stop ends the last one.
func (r *relay) stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return nil
	}
	return r.last.Stop()
}

// stats asks the last one.
func (r *relay) stats(ask func(*relaycmd.Relay) (*relaycmd.Stats, error)) (*relaycmd.Stats, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return nil, errors.New("the relay does not run")
	}
	return ask(r.last)
}
