package models_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"
)

// unrecorded are the methods that are told who it is and write no audit record,
// each with the reason. One that does write a record is wrong here.
var unrecorded = map[string]string{
	"Store.CancelBulkDeploy": "the run keeps who stopped it; each of its deploys has a record of its own",
	"Store.ChooseForPackage": "an import is a change when it is applied; until then it is what one visitor looks at",
	"Store.ForgetPackage":    "as ChooseForPackage",
	"Store.KeepImport":       "as ChooseForPackage",
	"Store.KeepPackage":      "as ChooseForPackage",
	"Store.KeptPackage":      "it reads what the visitor keeps",
	"Store.KeptPlan":         "it reads what the visitor keeps",
	"Store.UnlockPackage":    "as ChooseForPackage",
	"Store.Import":           "it reads how far an import is that the visitor has begun",
	"Store.LastImport":       "it reads which import the visitor has begun last",
}

// Whatever somebody does through the store ends in the audit: every exported
// function that is told who it is comes to the one that writes records. What the
// records tell is held by the database of every test, see modelstest.
func TestEveryWriterComesToTheAudit(t *testing.T) {
	t.Parallel()
	p := readPackage(t)
	writers := p.writers()
	if len(writers) < 80 {
		t.Fatalf("only %d writers were found", len(writers))
	}
	for name, f := range writers {
		_, excepted := unrecorded[name]
		switch comes := p.reaches(f, map[types.Object]bool{}); {
		case comes && excepted:
			t.Errorf("%s comes to the audit: it is no exception", name)
		case !comes && !excepted:
			t.Errorf("%s writes no audit record: write one, or say why not", name)
		}
	}
	for _, name := range []string{"write", "transact", "writeWithKeys"} { // else whoever writes anything would come there
		if m := p.method(name); m == nil || p.reaches(m, map[types.Object]bool{}) {
			t.Errorf("%s comes to the audit by itself, so nothing is proved", name)
		}
	}
	for name := range unrecorded {
		if writers[name] == nil {
			t.Errorf("%s is told by nobody who it is: it needs no exception", name)
		}
	}
}

// whole is the package as the compiler sees it: what each of its functions and
// variables mentions of the others. A name that two types have is not mixed up.
type whole struct {
	pkg      *types.Package
	mentions map[types.Object][]types.Object
	record   types.Object
}

func readPackage(t *testing.T) *whole {
	t.Helper()
	names, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	set, files := token.NewFileSet(), []*ast.File(nil)
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), ".go") || strings.HasSuffix(n.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, n.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	// What is imported stays unknown: only what the package says of itself counts.
	config := types.Config{Importer: noImports{}, Error: func(error) {}, FakeImportC: true}
	pkg, _ := config.Check("models", set, files, info)
	p := &whole{pkg: pkg, mentions: map[types.Object][]types.Object{}}
	for _, f := range files {
		for _, d := range f.Decls {
			p.read(d, info)
		}
	}
	if p.record = p.method("record"); p.record == nil {
		t.Fatal("there is no Store.record")
	}
	return p
}

// method is a method of the store.
func (p *whole) method(name string) types.Object {
	m, _, _ := types.LookupFieldOrMethod(types.NewPointer(p.pkg.Scope().Lookup("Store").Type()), false, p.pkg, name)
	return m
}

// noImports refuses every package.
type noImports struct{}

var errNotRead = errors.New("not read")

// Import implements types.Importer.
func (noImports) Import(string) (*types.Package, error) { return nil, errNotRead }

// read notes what a function mentions, and what the values of a variable do.
func (p *whole) read(d ast.Decl, info *types.Info) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		p.mention(info.Defs[d.Name], d.Body, info)
	case *ast.GenDecl:
		for _, s := range d.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok {
				continue
			}
			for _, name := range v.Names {
				p.mention(info.Defs[name], v, info)
			}
		}
	}
}

func (p *whole) mention(of types.Object, in ast.Node, info *types.Info) {
	ast.Inspect(in, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if to := origin(info.Uses[id]); to != nil && to.Pkg() == p.pkg {
				p.mentions[of] = append(p.mentions[of], to)
			}
		}
		return true
	})
}

// origin is what an instance of something generic was made of.
func origin(o types.Object) types.Object {
	if f, ok := o.(*types.Func); ok {
		return f.Origin()
	}
	return o
}

// writers are the exported functions and methods that take an Actor.
func (p *whole) writers() map[string]*types.Func {
	actor, found := p.pkg.Scope().Lookup("Actor").Type(), map[string]*types.Func{}
	for o := range p.mentions {
		f, ok := o.(*types.Func)
		if !ok || !f.Exported() {
			continue
		}
		s := f.Signature()
		if !slices.ContainsFunc(slices.Collect(s.Params().Variables()), func(v *types.Var) bool { return types.Identical(v.Type(), actor) }) {
			continue
		}
		name := f.Name()
		if s.Recv() != nil {
			name = strings.TrimPrefix(types.TypeString(s.Recv().Type(), func(*types.Package) string { return "" }), "*") + "." + name
		}
		found[name] = f
	}
	return found
}

func (p *whole) reaches(from types.Object, seen map[types.Object]bool) bool {
	if from == p.record {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(p.mentions[from], func(next types.Object) bool { return p.reaches(next, seen) })
}
