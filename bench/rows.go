// Package bench holds the benchmarks of the whole: each row is one part on its own, then
// the parts together. Rows are plain functions so that two commands share them:
//
//	go test -bench . ./bench     every row, as sub-benchmarks of BenchmarkRows
//	go test -bench ./bench       the same from the root of the module
package bench

import (
	"fmt"
	"slices"
	"testing"
)

// Row is one benchmark.
type Row struct {
	Name string
	Run  func(*testing.B)
}

// Rows lists every benchmark in the order of the data path.
func Rows() []Row {
	return slices.Concat([]Row{
		{"encode", encode},
		{"seal", seal},
		{"hoptag", hopTag},
		{"open", open},
		{"jitter", jitterPushPull},
		{"decode", decode},
	}, mixRows(), []Row{
		{"worstblock/8", worstBlock(8)},
		{"forward/10", forwarding(10)},
		{"forward/100", forwarding(100)},
		{"forward/1000", forwarding(1000)},
		{"probe", probing},
		{"call", call},
	}, fanoutRows())
}

// Run runs all rows under b.
func Run(b *testing.B) {
	for _, row := range Rows() {
		b.Run(row.Name, row.Run)
	}
}

// mixRows are mixes of talkers who lose none, some or many of their frames.
func mixRows() (rows []Row) {
	for _, n := range []int{1, 4, 8, 32} {
		for _, lossPct := range []int{0, 10, 20} {
			rows = append(rows, Row{fmt.Sprintf("mix/%d/loss%d", n, lossPct), mix(n, lossPct)})
		}
	}
	return rows
}
