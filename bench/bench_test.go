package bench

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
)

func BenchmarkRows(b *testing.B) { Run(b) }

// What a row reports is what it does: nobody is delivered anything where there is no listener.
func TestRowsReportWhatTheyMeasure(t *testing.T) {
	length := flag.Lookup("test.benchtime").Value
	before := length.String()
	if err := length.Set("20x"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = length.Set(before) }() // what it was
	for _, row := range Rows() {
		var want []string // besides ns/op
		switch group, _, _ := strings.Cut(row.Name, "/"); group {
		case "encode", "seal", "hoptag", "open", "jitter", "decode", "mix":
		case "worstblock":
			want = []string{"us/block"}
		case "forward":
			want = []string{"ns/datagram", "ns/op"} // the latter as 0: it is not printed
		default:
			continue // takes seconds
		}
		r := testing.Benchmark(row.Run)
		if got := slices.Sorted(maps.Keys(r.Extra)); r.N == 0 || !slices.Equal(got, want) {
			t.Errorf("%s reports %v after %d rounds, want %v", row.Name, got, r.N, want)
		}
		if r.MemAllocs > uint64(r.N) {
			t.Errorf("%s allocates %d times in %d rounds", row.Name, r.MemAllocs, r.N)
		}
	}
}
