package screen

import (
	"context"
	"errors"
	"os"

	tea "charm.land/bubbletea/v2"
)

// ErrBroken is that the screen itself has failed, by a fault of the program.
var ErrBroken = tea.ErrProgramPanic

// Run shows a screen on a terminal until it is quit, or ctx ends. Then no call is left. The error says why the last
// call did not come about or ended by itself, if that was on the screen at the end.
func Run(ctx context.Context, cfg Config, in, out *os.File) error {
	m := New(ctx, cfg)
	_, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler()).Run()
	if m.joining != nil {
		m.joining.end()
	}
	if m.talk != nil {
		m.talk.call.Leave()
		m.talk.end()
	}
	if err != nil && (ctx.Err() == nil || errors.Is(err, ErrBroken)) {
		return err
	}
	return m.Err()
}
