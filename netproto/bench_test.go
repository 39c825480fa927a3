package netproto

import "testing"

// One datagram of 24 kbit/s speech: 60 bytes of Opus.
func BenchmarkSeal(b *testing.B) {
	body, _ := AppendFrames(nil, 9, []Frame{{Number: 9, Data: make([]byte, 60)}})
	s, d := voiceDatagram(9, body)
	h, _ := ParseHeader(d)
	buf := make([]byte, 0, MaxDatagram)
	b.ReportAllocs()
	b.SetBytes(int64(len(d)))
	for b.Loop() {
		s.Seal(buf, h, body)
	}
}

func BenchmarkOpen(b *testing.B) {
	s, d := voiceDatagram(9, make([]byte, 61))
	buf := make([]byte, 0, MaxDatagram)
	b.ReportAllocs()
	b.SetBytes(int64(len(d)))
	for b.Loop() {
		if _, err := s.Open(buf, d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHopTag(b *testing.B) {
	_, d := voiceDatagram(9, make([]byte, 61))
	tagger, key := NewHopTagger(), HopKey{1}.TagKey()
	up := tagger.Append(key, d)
	b.ReportAllocs()
	b.SetBytes(int64(len(up)))
	for b.Loop() {
		if _, ok := tagger.Check(key, up); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkReplayWindow(b *testing.B) {
	var w ReplayWindow
	var seq uint32
	b.ReportAllocs()
	for b.Loop() {
		seq++
		w.Accept(seq)
	}
}

func BenchmarkParseFrames(b *testing.B) {
	data := make([]byte, 60)
	body, err := AppendFrames(nil, 9, []Frame{{9, data}, {8, data}, {7, data}, {4, data}})
	if err != nil {
		b.Fatal(err)
	}
	frames := make([]Frame, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseFrames(frames, 9, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecoder(b *testing.B) {
	stream := []byte(`{"KEY": 2, "NAME": "Adam", "VOICE": 1}{"KEY": 7, "PORT": 9999}`)
	var d Decoder
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		d.Write(stream)
		for range 2 {
			if _, err := d.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
