package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/tincan-voice/tincan/audio/device"
)

// DevicesCmd lists sound devices.
type DevicesCmd struct{}

// Run prints a line per device.
func (DevicesCmd) Run(out io.Writer) error {
	devices, err := device.List()
	if err != nil {
		return err
	}
	if len(devices) == 0 {
		_, err := fmt.Fprintln(out, "no sound devices; files work all the same: --in FILE.wav --out FILE.wav")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tAPI\tIN\tOUT\tRATE\t")
	for _, d := range devices {
		mark := ""
		if d.DefaultInput {
			mark += " default input"
		}
		if d.DefaultOutput {
			mark += " default output"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d Hz\t%s\n", d.Name, d.API, d.Inputs, d.Outputs, d.Rate, mark)
	}
	return w.Flush()
}
