package main

import (
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto/wire"
	"github.com/tincan-voice/tincan/stream"
)

// jsonStats is engine.Stats in the units of docs/client.md: milliseconds, kbit/s,
// frames of 20 ms.
type jsonStats struct {
	Seconds float64     `json:"seconds"`
	Muted   bool        `json:"muted"`
	Sealed  bool        `json:"sealed"`
	Sending jsonSending `json:"sending"`
	Link    jsonLink    `json:"link"`
	Peers   []jsonPeer  `json:"peers"`
	Faults  []jsonFault `json:"faults"`

	Reconnects   int     `json:"reconnects"`
	AwaySeconds  float64 `json:"away_seconds"`
	Reconnecting string  `json:"reconnecting,omitempty"`

	Gaps map[string]jsonGap `json:"gaps,omitempty"` // by cause
}

// jsonGap is how often, and for how long in all, no voice could flow for a cause.
type jsonGap struct {
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
}

// jsonFault is one kind of fault that is in force or was.
type jsonFault struct {
	Kind    string  `json:"kind"`
	Session uint32  `json:"session,omitempty"`
	Name    string  `json:"name,omitempty"`
	On      bool    `json:"on"`
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
	Text    string  `json:"text"`
}

type jsonLink struct {
	Relay         string            `json:"relay"`
	Path          string            `json:"path"`
	Second        string            `json:"second,omitempty"`
	Alive         bool              `json:"alive"`
	RTTms         float64           `json:"rtt_ms"`
	ProbeLoss     float64           `json:"probe_loss"`
	UpKbps        wire.Kbps         `json:"up_kbps"`
	DownKbps      wire.Kbps         `json:"down_kbps"`
	MeanUpKbps    wire.Kbps         `json:"mean_up_kbps"`
	MeanDownKbps  wire.Kbps         `json:"mean_down_kbps"`
	Sent          uint64            `json:"sent"`
	Received      uint64            `json:"received"`
	SentBytes     uint64            `json:"sent_bytes"`
	ReceivedBytes uint64            `json:"received_bytes"`
	Stale         uint64            `json:"stale,omitempty"`
	Drops         map[string]uint64 `json:"drops,omitempty"`
}

// jsonSending is how we send, and why.
type jsonSending struct {
	Bitrate     int       `json:"bitrate"`
	Stride      int       `json:"stride"`
	Copies      []int     `json:"copies"`
	CopyBitrate int       `json:"copy_bitrate"`
	FEC         bool      `json:"fec"`
	Reason      string    `json:"reason"`
	LimitKbps   wire.Kbps `json:"limit_kbps"`
	LossPct     float64   `json:"loss_pct"`
	Burst       float64   `json:"burst_frames"`
	Resent      uint64    `json:"resent"`
	HeldBack    uint64    `json:"held_back"`
}

type jsonPeer struct {
	Session      uint32  `json:"session"`
	Name         string  `json:"name"`
	Foreign      bool    `json:"foreign,omitempty"`
	Identity     string  `json:"identity,omitempty"` // see engine.Identity
	Talking      bool    `json:"talking"`
	LevelDBov    int     `json:"level_dbov"`
	Datagrams    uint64  `json:"datagrams"`
	Frames       uint64  `json:"frames"`
	Lost         uint64  `json:"lost"`
	Repaired     uint64  `json:"repaired"`
	Concealed    uint64  `json:"concealed"`
	Late         uint64  `json:"late"`
	BufferMS     float64 `json:"buffer_ms"`
	TargetMS     float64 `json:"target_ms"`
	JitterMS     float64 `json:"jitter_ms"`
	MouthToEarMS float64 `json:"mouth_to_ear_ms"`
}

func toJSON(s engine.Stats) *jsonStats {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	over := max(s.Time, time.Millisecond)
	l, d := s.Link, s.Sending.Decision
	out := &jsonStats{
		Seconds: s.Time.Seconds(),
		Muted:   s.Muted,
		Sealed:  s.Sealed,
		Sending: jsonSending{
			Bitrate: d.Bitrate, Stride: d.Stride, Copies: append([]int{}, d.Copies...), CopyBitrate: d.CopyBitrate, FEC: d.FEC, Reason: d.Reason,
			LimitKbps: s.Sending.Adapt.Limit, LossPct: 100 * s.Sending.Adapt.Loss, Burst: s.Sending.Adapt.Burst,
			Resent: s.Sending.Resent, HeldBack: s.Sending.HeldBack,
		},
		Link: jsonLink{
			Relay: l.Relay.String(), Path: l.Path.String(), Second: l.Second, Alive: l.Alive, RTTms: ms(l.RTT), ProbeLoss: l.ProbeLoss,
			UpKbps: l.UpKbps, DownKbps: l.DownKbps,
			MeanUpKbps: wire.KbpsOf(l.SentBytes, over), MeanDownKbps: wire.KbpsOf(l.ReceivedBytes, over),
			Sent: l.Sent, Received: l.Received, SentBytes: l.SentBytes, ReceivedBytes: l.ReceivedBytes, Stale: l.Stale,
		},
		Peers:  []jsonPeer{},
		Faults: []jsonFault{},

		Reconnects: s.Reconnects, AwaySeconds: s.Away.Seconds(), Reconnecting: s.Reconnecting,
	}
	for _, f := range s.Faults {
		out.Faults = append(out.Faults, jsonFault{
			Kind: f.Kind.String(), Session: f.Session, Name: f.Name, On: f.On, Count: f.Count, Seconds: f.Total.Seconds(), Text: f.Text,
		})
	}
	for cause, g := range s.Gaps {
		if g.Count > 0 {
			if out.Gaps == nil {
				out.Gaps = map[string]jsonGap{}
			}
			out.Gaps[engine.GapCause(cause).String()] = jsonGap{g.Count, g.Total.Seconds()}
		}
	}
	for reason, n := range l.Drops {
		if n > 0 {
			if out.Link.Drops == nil {
				out.Link.Drops = map[string]uint64{}
			}
			out.Link.Drops[stream.Drop(reason).String()] = n
		}
	}
	for _, p := range s.Peers {
		out.Peers = append(out.Peers, jsonPeer{
			Session: p.Session, Name: p.Name, Foreign: p.Foreign, Identity: identity(p.Identity), Talking: p.Talking, LevelDBov: -int(p.Level),
			Datagrams: p.Datagrams, Frames: p.Frames, Lost: p.Lost, Repaired: p.Repaired, Concealed: p.Concealed, Late: p.Late,
			BufferMS: ms(p.Delay), TargetMS: ms(p.Target), JitterMS: ms(p.Jitter), MouthToEarMS: ms(p.MouthToEar),
		})
	}
	return out
}

// identity is that of a peer, "" for none.
func identity(i engine.Identity) string {
	if i == engine.IdentityNone {
		return ""
	}
	return i.String()
}
