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
	"engine/adapt.params.dwell":    {"0"},
	"engine/adapt.params.margin":   {"0", double},
	"engine/adapt.params.mostHold": {half, "1e6 * time.Hour"},
	"engine/adapt.params.untold":   {"0", "1e9"},
	"engine/adapt.frameBytes":      {},
	"engine/adapt.bitrate.step":    {},

	"internal/estimate.baseRises":   {"1e9", half},
	"internal/estimate.clockJump":   {"1e6 * time.Hour"},
	"internal/estimate.jumpKeep":    {"1"},
	"internal/estimate.noiseFactor": {"0", half},
	"internal/estimate.priorRuns":   {"0", double},
	"internal/estimate.queueCame":   {"1"},
	"internal/estimate.queueNow":    {"1", double},
	"internal/estimate.stood":       {"time.Hour"},
	"internal/estimate.queueCell":   {},
	"internal/estimate.meterCell":   {},
	"internal/estimate.meterCells":  {},

	"internal/relay/mend.endTimes":     {"0", half},
	"internal/relay/mend.levelFall":    {"0", double},
	"internal/relay/mend.maxViews":     {"1"},
	"internal/relay/mend.memory":       {"0", "time.Hour"},
	"internal/relay/mend.minorityRate": {"0", double},
	"internal/relay/mend.tickEvery":    {"time.Hour", double},
	"internal/relay/mend.tickLate":     {"time.Hour", half},

	"internal/repair.cacheBytes":    {},
	"internal/repair.guessMost":     {"0"},
	"internal/repair.jamRecovery":   {"0", double},
	"internal/repair.jamRemembered": {"0"},
	"internal/repair.LossyFrom":     {"1", double},
	"internal/repair.mostSlack":     {"0", double},
	"internal/repair.sentSlots":     {},
	"internal/repair.slots":         {},

	"jitter.SampleRate":  {},
	"jitter.FrameSize":   {},
	"jitter.baseRise":    {"0"},
	"jitter.coarse":      {},
	"jitter.decodedSize": {},
	"jitter.fading":      {"1"},
	"jitter.history":     {},
	"jitter.lateBins":    {},
	"jitter.longer":      {"0"},
	"jitter.maxPieces":   {},
	"jitter.maxStride":   {},
	"jitter.slotBytes":   {},
	"jitter.stallWorth":  {"0.1", "1"},
	"jitter.tick":        {},
}
