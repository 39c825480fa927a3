package netproto

import "testing"

// TestAllocs holds the data path to no allocation at all.
func TestAllocs(t *testing.T) {
	frames := []Frame{{Number: 12, Data: make([]byte, 60)}, {Number: 11, Data: make([]byte, 60)}, {Number: 8, Data: make([]byte, 60)}}
	body, err := AppendFrames(nil, 12, frames)
	if err != nil {
		t.Fatal(err)
	}
	s, d := voiceDatagram(12, body)
	tagger, key := NewHopTagger(), HopKey{1}.TagKey()
	up := tagger.Append(key, AppendHop(append([]byte(nil), d...), Hop{Count: 7}))
	h, err := ParseHeader(d)
	if err != nil {
		t.Fatal(err)
	}
	report := &Report{Talkers: make([]TalkerReport, 4)}
	reportBody, _ := AppendReport(nil, report)
	feedback := AppendFeedback(nil, &Feedback{})
	nacks := []NackBlock{{1, 2, 3}, {4, 5, 6}}
	nackBody, _ := AppendNack(nil, nacks)
	bundle, _ := AppendBundle(nil, d)
	ends := []End{{1, 2}, {3, 4}}
	endBody, _ := AppendEnds(nil, ends)
	buf := make([]byte, 0, 2*MaxDatagram)
	items := make([][]byte, 0, 8)
	out := make([]Frame, 0, 8)
	blocks := make([]NackBlock, 0, 8)
	ended := make([]End, 0, 8)
	var w ReplayWindow
	var seq uint32
	sum := uint32(0)

	tests := []struct {
		name string
		run  func() error
	}{
		{"Seal", func() error { s.Seal(buf, h, body); return nil }},
		{"Open", func() error { _, err := s.Open(buf, d); return err }},
		{"Append tag", func() error { tagger.Append(key, append(buf, d...)); return nil }},
		{"Check tag", func() error { tagger.Check(key, up); return nil }},
		{"SplitHop", func() error { _, _, err := SplitHop(up); return err }},
		{"Accept", func() error { seq++; w.Accept(seq); return nil }},
		{"ParseHeader", func() error { _, err := ParseHeader(d); return err }},
		{"AppendFrames", func() error { _, err := AppendFrames(buf, 12, frames); return err }},
		{"ParseFrames", func() error { _, err := ParseFrames(out, 12, body); return err }},
		{"Probe", func() error { _, err := ParseProbe(AppendProbe(buf, Probe{})); return err }},
		{"ProbeAck", func() error { _, err := ParseProbeAck(AppendProbeAck(buf, ProbeAck{})); return err }},
		{"ChallengeReply", func() error {
			_, err := ParseChallengeReply(AppendChallengeReply(buf, ChallengeReply{Also: true}))
			return err
		}},
		{"Challenge", func() error { _, err := ParseChallenge(AppendChallenge(buf, [8]byte{})); return err }},
		{"AppendReport", func() error { _, err := AppendReport(buf, report); return err }},
		{"ParseReport", func() error { return ParseReport(report, reportBody) }},
		{"AppendFeedback", func() error { AppendFeedback(buf, &Feedback{}); return nil }},
		{"ParseFeedback", func() error { _, err := ParseFeedback(feedback); return err }},
		{"AppendNack", func() error { _, err := AppendNack(buf, nacks); return err }},
		{"ParseNack", func() error {
			got, err := ParseNack(blocks, nackBody)
			for _, b := range got {
				for count := range b.All() {
					sum += uint32(count)
				}
			}
			return err
		}},
		{"AppendEnds", func() error { _, err := AppendEnds(buf, ends); return err }},
		{"ParseEnds", func() error { _, err := ParseEnds(ended, endBody); return err }},
		{"AppendBundle", func() error { _, err := AppendBundle(buf, d); return err }},
		{"ParseBundle", func() error { _, err := ParseBundle(items, bundle); return err }},
		{"Tunnel", func() error {
			stream, err := AppendTunnel(buf, d)
			if err != nil {
				return err
			}
			_, _, err = ParseTunnel(stream)
			return err
		}},
	}
	for _, tt := range tests {
		n := testing.AllocsPerRun(200, func() {
			if err := tt.run(); err != nil {
				t.Error(tt.name, err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
}
