package swarm

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

var ownPID = os.Getpid()

// Report is what a run has found.
type Report struct {
	Relay       string `json:"relay"`                 // address of its voice
	Fingerprint string `json:"fingerprint,omitempty"` // of its key; none without TLS

	// What was asked for.
	Clients    int     `json:"clients"`
	Rooms      int     `json:"rooms"`
	Talkers    int     `json:"talkers_per_room"`
	FrameBytes int     `json:"frame_bytes"`
	Seconds    float64 `json:"seconds"` // of talking, as it came

	// Control.
	Joined       int            `json:"joined"`
	Paths        int            `json:"paths"`                  // of these, sessions with a voice path
	Failed       map[string]int `json:"failed,omitempty"`       // why the others did not join
	Disconnected map[string]int `json:"disconnected,omitempty"` // why sessions ended before their time
	JoinSeconds  float64        `json:"join_seconds"`           // until all had joined
	JoinTime     Quantiles      `json:"join_time_us"`           // of each, from dialing to SESSION
	UserLists    uint64         `json:"user_lists"`             // that came, to all together
	ControlBytes uint64         `json:"control_bytes"`          // that came, TLS not counted

	// Voice. A delivery is one datagram of voice at one listener.
	Sent       uint64  `json:"sent"`
	Unsent     uint64  `json:"unsent"`       // could not be sent: no part of Sent
	Expected   uint64  `json:"expected"`     // deliveries of what was sent, to those with a path
	Delivered  uint64  `json:"delivered"`    // each once
	Lost       uint64  `json:"lost"`         // the difference
	Overflowed uint64  `json:"overflowed"`   // datagrams that the swarm was too slow to take
	Unread     uint64  `json:"unread"`       // datagrams, noise too, that the relay was too slow to take; 0 if not known
	Backlog    uint64  `json:"backlog"`      // packets of anybody that this host threw away before they reached a socket
	Duplicates uint64  `json:"duplicates"`   // deliveries that had come before
	Wrong      uint64  `json:"wrong"`        // datagrams for somebody else, or not authentic
	PerSecond  float64 `json:"per_second"`   // deliveries, up to the last one
	Packets    float64 `json:"packets_each"` // UDP packets per delivery
	Bytes      float64 `json:"bytes_each"`   // their bytes per delivery, IP and UDP headers counted

	Unrest *Unrest `json:"unrest,omitempty"` // nil: none was asked for

	Latency  Quantiles `json:"latency_us"` // one way, of those who measure
	Measured int       `json:"measured"`   // listeners who do

	RelayProcess *Process  `json:"relay_process,omitempty"` // of all relays of a cluster together; nil: on another host, or hidden
	Swarm        Process   `json:"swarm_process"`
	Cores        int       `json:"cores"`               // of this host
	Busy         float64   `json:"busy_percent"`        // of all of them, by whatever process; 0 if not known
	SendLate     Quantiles `json:"send_late_us"`        // how late the swarm sent
	Saturated    string    `json:"saturated,omitempty"` // why the swarm itself may be what was measured

	delivering time.Duration // from the first datagram sent to the last delivered
}

// Unrest is what went on beside the talking.
type Unrest struct {
	Visits   int            `json:"visits"`           // people who came and went again
	Failed   map[string]int `json:"failed,omitempty"` // why others could not come
	Astray   uint64         `json:"astray"`           // datagrams that visitors got and that were not for them
	Moves    int            `json:"moves"`            // changes of address
	Noise    uint64         `json:"noise"`            // datagrams sent
	Answered int            `json:"answered"`         // datagrams of the relay to where the noise came from
}

// Quantiles of durations, in microseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func newQuantiles(h *histogram) Quantiles {
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return Quantiles{us(h.quantile(.5)), us(h.quantile(.9)), us(h.quantile(.99)), us(h.max)}
}

// Process is what a process has used from the first datagram of voice to the last.
type Process struct {
	PID         int     `json:"pid,omitempty"`
	CPU         float64 `json:"cpu_percent"` // of one core
	PerDelivery float64 `json:"cpu_us_each"` // CPU time per delivery; 0 if there were none
	Memory      float64 `json:"memory_mib"`  // resident, at the end

	cpu time.Duration
}

func newProcess(before, after usage, window time.Duration) Process {
	cpu := after.cpu - before.cpu
	return Process{CPU: 100 * float64(cpu) / float64(window), Memory: float64(after.memory) / (1 << 20), cpu: cpu}
}

func (p *Process) share(deliveries uint64) {
	if deliveries > 0 {
		p.PerDelivery = float64(p.cpu) / float64(time.Microsecond) / float64(deliveries)
	}
}

// expect adds up what the talkers have sent and who should have it. They have
// ended.
func (s *swarm) expect(r *Report) {
	paths := map[*room]uint64{}
	for i := range s.clients {
		if c := s.clients[i].Load(); c != nil && c.path.Load() {
			paths[c.room]++
		}
	}
	for i := range s.clients {
		c := s.clients[i].Load()
		if c == nil || c.talker == nil {
			continue
		}
		sent, others := uint64(c.talker.seq-c.talker.unsent), paths[c.room]
		if c.path.Load() {
			others--
		}
		r.Sent += sent
		r.Unsent += uint64(c.talker.unsent)
		r.Expected += sent * others
	}
}

// count adds up what the clients have counted. The readers have ended.
func (s *swarm) count(r *Report) {
	var joining, latency histogram
	var packets, bytes uint64
	for i := range s.clients {
		c := s.clients[i].Load()
		if c == nil {
			continue
		}
		r.Joined++
		joining.add(c.joining)
		if c.path.Load() {
			r.Paths++
		}
		if why := c.lost.Load(); why != nil {
			r.Disconnected[*why]++
		}
		r.UserLists += c.packages.lists
		r.ControlBytes += c.packages.bytes
		r.Delivered += c.voice.Load()
		r.Duplicates += c.twice
		r.Wrong += c.wrong
		r.Overflowed += uint64(c.dropped + c.socket.dropped())
		packets += c.packets
		bytes += c.bytes
		if c.latency != nil && c.latency.n > 0 {
			latency.merge(c.latency)
			r.Measured++
		}
	}
	r.Lost = r.Expected - min(r.Delivered, r.Expected)
	r.JoinTime, r.Latency = newQuantiles(&joining), newQuantiles(&latency)
	if r.Delivered > 0 {
		r.PerSecond = float64(r.Delivered) / r.delivering.Seconds()
		r.Packets = float64(packets) / float64(r.Delivered)
		r.Bytes = float64(bytes) / float64(r.Delivered)
	}
	r.Swarm.share(r.Delivered)
	if r.RelayProcess != nil {
		r.RelayProcess.share(r.Delivered)
	}
	r.Saturated = r.saturated()
}

// lateLimit is how late one datagram in a hundred may be sent before the swarm says
// that it cannot keep up: a quarter of a frame.
const lateLimit = 5 * time.Millisecond

func (r *Report) saturated() string {
	var why []string
	if late := float64(lateLimit) / float64(time.Microsecond); r.SendLate.P99 > late {
		why = append(why, fmt.Sprintf("1 %% of the datagrams were sent more than %.0f ms late", r.SendLate.P99/1000))
	}
	if r.Overflowed > 0 {
		why = append(why, fmt.Sprintf("%d datagrams came faster than they were read", r.Overflowed))
	}
	if r.Backlog > 0 {
		why = append(why, fmt.Sprintf("%d packets of this host were thrown away before they reached a socket (net.core.netdev_max_backlog)", r.Backlog))
	}
	if r.Unsent > 0 {
		why = append(why, fmt.Sprintf("%d datagrams could not be sent", r.Unsent))
	}
	return strings.Join(why, "; ")
}

// WriteJSON writes the Report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the Report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s%s\n", name, fmt.Sprintf(format, args...))
	}
	line("relay", "%s %s", r.Relay, r.Fingerprint)
	line("joined", "%d of %d in %.1f s, %d with a voice path", r.Joined, r.Clients, r.JoinSeconds, r.Paths)
	line("", "each took p50 %.1f, p99 %.1f, max %.1f ms", r.JoinTime.P50/1000, r.JoinTime.P99/1000, r.JoinTime.Max/1000)
	for _, why := range slices.Sorted(maps.Keys(r.Failed)) {
		line("", "%d could not: %s", r.Failed[why], why)
	}
	for _, why := range slices.Sorted(maps.Keys(r.Disconnected)) {
		line("", "%d disconnected: %s", r.Disconnected[why], why)
	}
	line("control", "%d user lists, %.1f MiB", r.UserLists, float64(r.ControlBytes)/(1<<20))
	line("load", "%d rooms, %d talkers in each, frames of %d bytes, for %.1f s: %d datagrams sent",
		r.Rooms, r.Talkers, r.FrameBytes, r.Seconds, r.Sent)
	if r.Expected > 0 {
		line("delivered", "%d of %d, %.0f per second; lost %d (%.4f %%), twice %d, wrong %d", r.Delivered, r.Expected,
			r.PerSecond, r.Lost, 100*float64(r.Lost)/float64(r.Expected), r.Duplicates, r.Wrong)
		line("wire", "%.2f packets and %.1f bytes per delivery, IP and UDP headers counted", r.Packets, r.Bytes)
		line("latency", "one way p50 %.0f, p90 %.0f, p99 %.0f, max %.0f us (%d listeners measure)",
			r.Latency.P50, r.Latency.P90, r.Latency.P99, r.Latency.Max, r.Measured)
	}
	if u := r.Unrest; u != nil {
		line("unrest", "%d came and went, %d changes of address, %.0f datagrams of noise per second (%d answered)",
			u.Visits, u.Moves, float64(u.Noise)/r.Seconds, u.Answered)
		if u.Astray > 0 {
			line("", "%d datagrams went to visitors that were not for them", u.Astray)
		}
		for _, why := range slices.Sorted(maps.Keys(u.Failed)) {
			line("", "%d could not come: %s", u.Failed[why], why)
		}
	}
	if p := r.RelayProcess; p != nil {
		line("CPU", "relay %.1f %% of a core, %.2f us per delivery, %.0f MiB (process %d)", p.CPU, p.PerDelivery, p.Memory, p.PID)
		if r.Unread > 0 {
			line("", "%d datagrams were in the relay's way: its sockets had no room for them", r.Unread)
		}
	} else {
		line("CPU", "relay unknown: it runs on another host, or its process cannot be seen")
	}
	line("", "swarm %.1f %% of a core, %.0f MiB, sent late p50 %.2f, p99 %.2f, max %.2f ms", r.Swarm.CPU, r.Swarm.Memory,
		r.SendLate.P50/1000, r.SendLate.P99/1000, r.SendLate.Max/1000)
	line("", "all of this host %.0f %% of %d cores", r.Busy, r.Cores)
	if r.Saturated != "" {
		line("SATURATED", "%s: this machine could not keep up, so the figures are not the relay's alone", r.Saturated)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
