// Package usage is what the programs have in common in reading a command line: which ones make no sense.
package usage

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/alecthomas/kong"
)

// Error says that a command line makes no sense: exit code 2.
type Error struct{ Err error }

func (e Error) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with it.
func (e Error) Unwrap() error { return e.Err }

// Errorf makes an Error as fmt.Errorf does.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

// Is tells whether err is, or wraps, an Error.
func Is(err error) bool { return errors.As(err, new(Error)) }

// New makes a parser as kong.New does, but one that keeps texts, those in lists excepted, byte for byte: kong's own makes
// U+FFFD of what is not UTF-8, and so another file of one whose name is not.
func New(grammar any, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(grammar, append(options, kong.KindMapper(reflect.String, kong.MapperFunc(text)))...)
}

func text(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("string")
	if err == nil {
		target.SetString(token.String())
	}
	return err
}

// Parse reads a command line. All its errors are an Error: besides those of kong there are an option that is given
// twice, a list that names something twice, and a value that is empty or 0, which to the programs is the same as none.
// Where 0 is as good as another number, the field has the tag `zero:"ok"`.
func Parse(parser *kong.Kong, args []string) (*kong.Context, error) {
	parsed, err := parser.Parse(args)
	if err != nil {
		return nil, Error{err}
	}
	given := map[*kong.Value]bool{}
	for _, p := range parsed.Path {
		value, name := p.Positional, ""
		switch {
		case p.Flag != nil:
			value, name = p.Flag.Value, "--"+p.Flag.Name
		case value != nil:
			name = "<" + value.Name + ">"
		default:
			continue
		}
		if given[value] && !value.IsSlice() {
			return nil, Errorf("%s is given twice: leave one out", name)
		}
		given[value] = true
		if err := check(value, name); err != nil {
			return nil, err
		}
	}
	return parsed, nil
}

// check looks at one value that was given.
func check(value *kong.Value, name string) error {
	remedy := "leave it out for the default"
	if value.Required {
		remedy = "it has no default"
	}
	target := value.Target
	if !value.IsSlice() {
		return checkOne(value, target, name, remedy)
	}
	if target.Len() == 0 {
		return Errorf("%s is empty: %s", name, remedy)
	}
	seen := map[any]bool{}
	for i := range target.Len() {
		element := target.Index(i)
		if err := checkOne(value, element, name, remedy); err != nil {
			return err
		}
		if seen[element.Interface()] {
			return Errorf("%s names %v twice: leave one out", name, element)
		}
		seen[element.Interface()] = true
	}
	return nil
}

func checkOne(value *kong.Value, target reflect.Value, name, remedy string) error {
	switch {
	case target.Kind() == reflect.Bool || !target.IsZero() || value.Tag.Has("zero"):
		return nil
	case target.Kind() == reflect.String:
		return Errorf("%s is empty: %s", name, remedy)
	}
	return Errorf("%s is 0: give more, or %s", name, remedy)
}
