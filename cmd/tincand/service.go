package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/tincan-voice/tincan/relay"
)

// tellManager tells systemd that the relay serves, where that started it (Type=notify, sd_notify(3)), that it still
// does where that asks for it (WatchdogSec=), and that it ends, when ctx does. A relay that stands still in a lock is
// not told of: then it is started anew.
func tellManager(ctx context.Context, server *relay.Server, log *slog.Logger) {
	asked, err := daemon.SdNotify(false, daemon.SdNotifyReady)
	if err != nil {
		log.Warn("systemd cannot be told", "error", err)
	}
	if !asked {
		return
	}
	defer func() { _, _ = daemon.SdNotify(false, daemon.SdNotifyStopping) }()
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		<-ctx.Done()
		return
	}
	ticks := time.NewTicker(every / 3)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			server.Clients() // takes all locks
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		}
	}
}
