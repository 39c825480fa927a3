package tincan

import (
	"testing"

	"github.com/tincan-voice/tincan/bench"
)

// BenchmarkTincan makes `go test -bench ./bench` work from here: -bench takes ./bench as
// a pattern of two levels, any benchmark and in it one called bench.
func BenchmarkTincan(b *testing.B) { b.Run("bench", bench.Run) }
