package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tincan-voice/tincan/relay"
)

// metrics reads a relay when it is asked, as Prometheus does: nothing is counted twice, and nothing when nobody asks.
type metrics struct{ server *relay.Server }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tincan_"+name, help, labels, nil)
}

// What there is. docs/operating.md lists it.
var (
	sessionsDesc = desc("sessions", "Who has a session, by state: voice (its voice is forwarded to it), silent (no voice has come of late), lost (its connection is), plain (without VOICE).", "state")
	roomsDesc    = desc("rooms", "Rooms that have members.")
	largestDesc  = desc("room_members_max", "Members of the largest room.")
	peersDesc    = desc("peers", "Other relays of the cluster that are there.")
	drainDesc    = desc("draining", "1 when clients are sent elsewhere and nobody new is let in.")
	lossDesc     = desc("room_worst_loss", "Share of datagrams that the worst listener of each room has lost on its way down, of late and before repair; one sample per room.")
	droppedDesc  = desc("dropped_total", "Datagrams that went no further, by reason.", "reason")
	totals       = []struct {
		desc  *prometheus.Desc
		value func(relay.Stats) uint64
	}{
		{desc("received_total", "Datagrams that came."), func(s relay.Stats) uint64 { return s.Received }},
		{desc("forwarded_total", "Datagrams of voice that went to listeners, each counted once."), func(s relay.Stats) uint64 { return s.Forwarded }},
		{desc("delivered_total", "The same, counted per listener."), func(s relay.Stats) uint64 { return s.Delivered }},
		{desc("relayed_total", "Datagrams of voice that went to other relays of the cluster, each counted once for each."), func(s relay.Stats) uint64 { return s.Relayed }},
		{desc("packets_total", "In so many packets: less than delivered where bundles went out."), func(s relay.Stats) uint64 { return s.Packets }},
		{desc("asked_total", "Datagrams that talkers were asked for again."), func(s relay.Stats) uint64 { return s.Asked }},
		{desc("resent_total", "Datagrams that listeners asked for and got."), func(s relay.Stats) uint64 { return s.Resent }},
		{desc("copied_total", "Datagrams that went to one listener a second time unasked."), func(s relay.Stats) uint64 { return s.Copied }},
		{desc("reports_total", "Reports to talkers."), func(s relay.Stats) uint64 { return s.Feedback }},
		{desc("overflowed_total", "Datagrams that the kernel dropped because the relay had not read those before (Linux)."), func(s relay.Stats) uint64 { return s.Overflowed }},
	}
)

// lossBounds are those of the histogram of loss: where repair has something to do, and where it comes to its end.
var lossBounds = []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.3}

// Describe implements prometheus.Collector: what is there is said by Collect.
func (m metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	states := map[string]int{"voice": 0, "silent": 0, "lost": 0, "plain": 0}
	members, worst, largest := map[string]int{}, map[string]float64{}, 0
	for _, c := range m.server.Clients() {
		state := "voice"
		switch {
		case c.Held:
			state = "lost"
		case c.Voice == 0:
			state = "plain"
		case !c.Listening:
			state = "silent"
		}
		states[state]++
		members[c.Room]++
		largest = max(largest, members[c.Room])
		worst[c.Room] = max(worst[c.Room], c.Loss)
	}
	for state, n := range states {
		gauge(sessionsDesc, float64(n), state)
	}
	gauge(roomsDesc, float64(len(members)))
	gauge(largestDesc, float64(largest))
	gauge(peersDesc, float64(len(m.server.Peers())))
	draining := 0.0
	if m.server.Draining() {
		draining = 1
	}
	gauge(drainDesc, draining)
	sum, buckets := 0.0, map[float64]uint64{}
	for _, loss := range worst {
		sum += loss
		for _, bound := range lossBounds {
			if loss <= bound {
				buckets[bound]++
			}
		}
	}
	ch <- prometheus.MustNewConstHistogram(lossDesc, uint64(len(worst)), sum, buckets)
	st := m.server.Stats()
	for _, t := range totals {
		ch <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue, float64(t.value(st)))
	}
	for reason, n := range st.Dropped {
		ch <- prometheus.MustNewConstMetric(droppedDesc, prometheus.CounterValue, float64(n), reason.String())
	}
}

// metricsAddress is where --metrics has it: on this machine alone, if only a port is given.
func metricsAddress(text string) string {
	if !strings.Contains(text, ":") {
		return net.JoinHostPort("127.0.0.1", text)
	}
	return text
}

// metricsAgain is how often it is tried to get the address for metrics: the relay before this one may still have it.
const metricsAgain = time.Second

// listenMetrics takes the address as soon as it is to be had; the log says why it is not. It is nil when ctx ends
// first.
func listenMetrics(ctx context.Context, address string, log *slog.Logger) net.Listener {
	for told := false; ctx.Err() == nil; told = true {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		if !told {
			log.Warn("metrics are not served yet: another program has their address, or it is none of this machine's", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(metricsAgain):
		}
	}
	return nil
}

// serveMetrics answers until ctx ends.
func serveMetrics(ctx context.Context, address string, server *relay.Server, log *slog.Logger) {
	l := listenMetrics(ctx, address, log)
	if l == nil {
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics{server}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if server.Draining() {
			http.Error(w, "draining: clients go elsewhere", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	s := &http.Server{Handler: mux, ReadTimeout: ctlTime, WriteTimeout: ctlTime, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		last, cancel := context.WithTimeout(context.Background(), endTime)
		defer cancel()
		if s.Shutdown(last) != nil {
			_ = s.Close()
		}
	})
	log.Info("metrics are served", "url", "http://"+l.Addr().String()+"/metrics")
	if err := s.Serve(l); stop() {
		log.Error("metrics are not served any more", "error", err)
		return
	}
	<-done
}
