//go:build !linux

package swarm

import (
	"errors"
	"net/netip"
	"time"
)

// On other systems than Linux nothing is known of processes.

func listenerOf(netip.AddrPort) int { return 0 }

func overflowsOf(netip.AddrPort) uint64 { return 0 }

func backlogDrops() uint64 { return 0 }

func usageOf(int) (usage, error) { return usage{}, errors.ErrUnsupported }

func hostUsage() time.Duration { return 0 }
