package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	// endTime is how long ending may take after a signal, whatever hangs: longer than leaveTime.
	endTime = 5 * time.Second
	// oneSignal is how close two interrupts are one: timeout(1) sends its signal to the process and to its group.
	oneSignal = 100 * time.Millisecond
)

// endOnSignals calls end at the first signal that asks for the end: Ctrl-C, SIGTERM, or SIGHUP when the terminal is
// closed, unless nohup had it ignored. After a second Ctrl-C, or after endTime, the process ends at once.
func endOnSignals(end context.CancelFunc) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		first := time.Now()
		end()
		late := time.After(endTime)
		for {
			select {
			case s := <-signals:
				if s == os.Interrupt && time.Since(first) > oneSignal {
					os.Exit(1)
				}
			case <-late:
				os.Exit(1)
			}
		}
	}()
}
