package main

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// value is something in the source that can be replaced: a constant, a field of a Params, or the answer of a function
// of the package's own that says yes or no.
type value struct {
	pkg        string // folder of the package: "engine/adapt"
	name       string // "reach", "function.reach" in a function, "Params.Reach" of a field
	file       string
	begin, end int    // bytes of the file that a replacement takes the place of
	text       string // what stands there
	rule       bool   // a function: begin and end are where its body begins
}

func (v value) fullName() string { return v.pkg + "." + v.name }

// find returns the values of a package in the order of its files, tests left out.
func find(dir string) (values []value, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			found, err := findInFile(dir, filepath.Join(dir, name))
			if err != nil {
				return nil, err
			}
			values = append(values, found...)
		}
	}
	return values, nil
}

func findInFile(pkg, file string) (values []value, err error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	add := func(name string, begin, end token.Pos, rule bool) {
		v := value{pkg: filepath.ToSlash(pkg), name: name, file: file, begin: set.Position(begin).Offset, end: set.Position(end).Offset, rule: rule}
		v.text = string(source[v.begin:v.end])
		values = append(values, v)
	}
	for _, d := range tree.Decls {
		scope := ""
		if f, ok := d.(*ast.FuncDecl); ok {
			scope = f.Name.Name + "."
			if isRule(f) {
				body := f.Body.Lbrace + 1
				add(methodName(f)+"()", body, body, true)
			}
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GenDecl:
				if n.Tok == token.CONST {
					for _, s := range n.Specs {
						s := s.(*ast.ValueSpec)
						for i, e := range s.Values {
							if isNumber(e) {
								add(scope+s.Names[i].Name, e.Pos(), e.End(), false)
							}
						}
					}
				}
			case *ast.CompositeLit:
				if name, ok := n.Type.(*ast.Ident); ok && strings.HasSuffix(strings.ToLower(name.Name), "params") {
					for _, e := range n.Elts {
						if kv, ok := e.(*ast.KeyValueExpr); ok && isNumber(kv.Value) {
							add(name.Name+"."+kv.Key.(*ast.Ident).Name, kv.Value.Pos(), kv.Value.End(), false)
						}
					}
				}
			}
			return true
		})
	}
	return values, nil
}

// isRule tells whether a function is the package's own and has a bool as its only result.
func isRule(f *ast.FuncDecl) bool {
	if f.Body == nil || f.Name.IsExported() || f.Type.Results.NumFields() != 1 {
		return false
	}
	result, ok := f.Type.Results.List[0].Type.(*ast.Ident)
	return ok && result.Name == "bool"
}

// methodName is the name of a function with its receiver's type before it.
func methodName(f *ast.FuncDecl) (name string) {
	if f.Recv != nil {
		ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && name == "" {
				name = id.Name + "."
			}
			return true
		})
	}
	return name + f.Name.Name
}

// isNumber tells whether an expression may be a number that says how much: no text, no enumeration, no table, and no
// constant under another name.
func isNumber(e ast.Expr) bool {
	ok, digits := true, false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			ok = ok && n.Kind != token.STRING && n.Kind != token.CHAR
			digits = true
		case *ast.Ident:
			ok = ok && n.Name != "iota"
		case *ast.SelectorExpr:
			digits = digits || slices.Contains([]string{"Second", "Millisecond", "Minute", "Hour"}, n.Sel.Name)
		case *ast.CompositeLit, *ast.FuncLit:
			ok = false
		}
		return ok
	})
	return ok && digits
}

// change is a value and what takes its place.
type change struct {
	value
	to string // half, double, never, always, or an expression
}

// changes are the ways in which a value is switched off.
func (v value) changes() (changes []change) {
	to, known := off[v.fullName()]
	switch {
	case known:
	case v.rule:
		to = []string{never, always}
	case isFactor(v.text):
		to = []string{"1"}
	default:
		to = []string{half, double}
	}
	for _, to := range to {
		changes = append(changes, change{v, to})
	}
	return changes
}

// isFactor tells whether a number is one that hardly changes what it multiplies, 0.75 to 1.5: it is off at 1.
func isFactor(text string) bool {
	t, err := types.Eval(token.NewFileSet(), nil, token.NoPos, text)
	if err != nil || t.Value == nil {
		return false
	}
	x, _ := constant.Float64Val(constant.ToFloat(t.Value))
	return x >= 0.75 && x <= 1.5 && x != 1
}
