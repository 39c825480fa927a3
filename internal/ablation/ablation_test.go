package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const source = `package rules

import "time"

const wait = 3 * time.Second // how long

const (
	red = iota
	blue
)

const (
	name   = "rules"
	same   = wait
	factor = 0.9
)

type Params struct {
	Reach, Other float64
	Name         string
}

func Default() Params { return Params{Reach: 1.2, Other: factor, Name: "x"} }

type state[T any] struct{}

func (s *state[T]) over(n int) bool {
	const most = 7
	return n > most
}

func Exported() bool { return true }
`

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	file := write(t, "rules.go", source)
	values, err := find(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range values {
		got = append(got, v.name+" "+v.text)
	}
	want := []string{"wait 3 * time.Second", "factor 0.9", "Params.Reach 1.2", "state.over() ", "over.most 7"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := find(filepath.Join(filepath.Dir(file), "nowhere")); err == nil {
		t.Error("no error where there is no package")
	}
}

// Each change gives a file that differs in one place.
func TestApply(t *testing.T) {
	file := write(t, "rules.go", source)
	values, err := find(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range values {
		for _, c := range v.changes() {
			for line := range strings.Lines(string(c.apply([]byte(source)))) {
				if !strings.Contains(source, line) {
					got = append(got, strings.TrimSpace(line))
				}
			}
		}
	}
	want := []string{
		"const wait = (3 * time.Second) / 2 // how long", "const wait = (3 * time.Second) * 2 // how long", "factor = 1",
		`func Default() Params { return Params{Reach: 1, Other: factor, Name: "x"} }`,
		"func (s *state[T]) over(n int) bool { return false;", "func (s *state[T]) over(n int) bool { return true;",
		"const most = (7) / 2", "const most = (7) * 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestIsFactor(t *testing.T) {
	for text, want := range map[string]bool{"0.9": true, "1 + 1.0/1000": true, "1": false, "0.5": false, "2": false, "time.Second": false} {
		if isFactor(text) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

// What is in the table of the off values is in the code.
func TestOffValuesAreOfConstants(t *testing.T) {
	t.Chdir("../..")
	for name := range off {
		dir, _, _ := strings.Cut(name, ".")
		values, err := find(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(values, func(v value) bool { return v.fullName() == name }) {
			t.Errorf("%s is no constant any more", name)
		}
	}
}

func TestTable(t *testing.T) {
	plain := []call{{Network: "wifi", Where: "down", Sound: 3, EModel: 3, Delay: 100, Rate: 40}, {Network: "edge", Where: "down", Sound: 2, EModel: 2, Delay: 200, Rate: 40}}
	worse := slices.Clone(plain)
	worse[1].Sound, worse[1].EModel, worse[1].Delay = 1.8, 1.5, 220
	v := value{pkg: "jitter", name: "reach", text: "1.2"}
	tab := table{options: options{networks: "wifi,edge", seconds: 4, seeds: 1, tests: true}, left: 3, rows: []result{
		{change: change{v, "1"}, calls: worse, plain: plain, failed: []string{"TestA", "TestB", "TestC"}},
		{change: change{v, half}, calls: plain, plain: plain},
		{change: change{value{pkg: "jitter", name: "over()", rule: true}, never}, plain: plain, failure: "does not end"},
	}}
	file := write(t, "doc.md", "# Title\n"+marker+"\nold\n\n## After\ntext\n")
	tab.out = file
	if err := tab.replace(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Title\n" + marker + "\n\n2 calls of 4 s",
		"| `jitter.reach` | 1.2 | 1 | -0.100 | -0.250 | 0.250 | +10 | +0.0 | edge down -0.50 | TestA, TestB and 1 more |",
		"| `jitter.reach` | 1.2 | half | the same | | | | | |  |",
		"| `jitter.over()` | a rule | never | does not end | | | | | |  |",
		"3 changes: 1 change no call, 1 fail no test of the package, 1 neither. There was no time for 3 more.",
		"\n\n## After\ntext\n",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "old") {
		t.Errorf("the old table is still there:\n%s", got)
	}
	tab.out = write(t, "doc.md", "no marker\n")
	if err := tab.replace(); err == nil {
		t.Error("no error where there is no place for a table")
	}
}

// A real change is built, heard and noticed.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program three times")
	}
	t.Chdir("../..")
	var out, progress bytes.Buffer
	o := options{packages: "jitter", only: regexp.MustCompile(`^jitter\.(recentFrames)$`), networks: "wifi", seconds: 4, seeds: 1}
	if err := run(t.Context(), o, &out, &progress); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "| `jitter.recentFrames` | 6 | half |") || !strings.Contains(out.String(), "\n2 changes:") {
		t.Errorf("%s", &out)
	}
	o.only = regexp.MustCompile("nothing")
	if err := run(t.Context(), o, &out, &progress); err == nil {
		t.Error("no error where nothing is to be changed")
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []options{{seconds: 3, seeds: 1}, {seconds: 4}} {
		if err := o.check(""); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	o := options{seconds: 4, seeds: 1}
	if err := o.check("("); err == nil {
		t.Error("a regular expression that is none is taken")
	}
}
