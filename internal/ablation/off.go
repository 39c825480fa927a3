package main

// What is put in the place of a value where nothing is known of it: both ways of a number and of a rule.
const (
	half   = "half"
	double = "double"
	never  = "never"
	always = "always"
)

// off are the values that switch off what a constant does, where half and double do not show it. An empty list is for
// what is no decision: a unit, a format, the size of a table.
var off = map[string][]string{
	"engine/adapt.params.dwell":  {"0"},
	"engine/adapt.params.margin": {"0", double},
	"engine/adapt.frameBytes":    {},
	"engine/adapt.bitrate.step":  {},

	"internal/estimate.jumpKeep":    {"1"},
	"internal/estimate.noiseFactor": {"0"},
	"internal/estimate.queueCell":   {},
	"internal/estimate.meterCell":   {},
	"internal/estimate.meterCells":  {},

	"internal/repair.copyLoss":  {"1"},
	"internal/repair.guessMost": {"0"},
	"internal/repair.LossyFrom": {"1"},
	"internal/repair.mostSlack": {"0"},
	"internal/repair.slots":     {},

	"jitter.SampleRate": {},
	"jitter.FrameSize":  {},
	"jitter.baseRise":   {"0"},
	"jitter.learnFast":  {"forget"},
	"jitter.maxStride":  {},
	"jitter.reach":      {"1"},
	"jitter.stallWorth": {"0.1", "1"},
}
