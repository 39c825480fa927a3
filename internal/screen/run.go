package screen

import (
	"context"
	"os"

	tea "charm.land/bubbletea/v2"
)

// ErrBroken is that the screen itself has failed, by a fault of the program.
var ErrBroken = tea.ErrProgramPanic

// Run shows a screen on a terminal until it is quit, or ctx ends. Then no call is left. The error says why the last
// call did not come about or ended by itself, if that was on the screen at the end.
func Run(ctx context.Context, cfg Config, in, out *os.File) error {
	m := New(ctx, cfg)
	p := tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	stop := context.AfterFunc(ctx, p.Quit) // with tea.WithContext its reader would be closed while it reads
	defer stop()
	_, err := p.Run()
	if m.joining != nil {
		m.joining.end()
	}
	if m.talk != nil {
		m.talk.call.Leave()
		m.talk.end()
	}
	if err != nil {
		return err
	}
	return m.Err()
}
