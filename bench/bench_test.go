package bench

import "testing"

func BenchmarkRows(b *testing.B) { Run(b) }
