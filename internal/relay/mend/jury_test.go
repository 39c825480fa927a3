package mend

import (
	"slices"
	"testing"
)

// Few who say that they can have nothing bring everybody down to what is still good speech; most of them to anything.
func TestFewAndMost(t *testing.T) {
	for _, tt := range []struct {
		caps []int // kbit/s, 0: none
		want uint16
	}{
		{[]int{12}, 12}, {[]int{12, 0}, 12}, {[]int{12, 0, 0}, 0}, {[]int{12, 12, 0}, 12},
		{[]int{12, 12, 0, 0, 0}, 24}, {[]int{40, 40, 0, 0, 0}, 40}, {[]int{12, 40, 0, 0, 0}, 40}, {[]int{12, 12, 20, 0, 0}, 20},
		{[]int{8, 8, 0, 0, 0, 0, 0}, 0}, {[]int{8, 8, 8, 0, 0, 0, 0}, 24}, {[]int{8, 8, 8, 8, 0, 0, 0}, 8},
		{nil, 0}, {[]int{0, 0, 0}, 0},
	} {
		var l []int
		for _, c := range tt.caps {
			if c == 0 {
				l = append(l, -unlimited)
			} else {
				l = append(l, -c)
			}
		}
		if got := least(l); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.caps, got, tt.want)
		}
	}
	l := []int{2000, 0, 0, 2000, 0}
	if few, most := worst(slices.Clone(l), quarter), worst(slices.Clone(l), half); few != 2000 || most != 0 {
		t.Errorf("%d, %d", few, most)
	}
}
