package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models/archive"
)

// ErrPackagePlanChanged means that the import of a package would not do any more
// what its plan said.
var ErrPackagePlanChanged = errors.New("the project or the choices have changed since the plan")

// PackageAction is what becomes of an object of a package.
type PackageAction string

// The actions.
const (
	PackageCreate PackageAction = "create"
	PackageUpdate PackageAction = "update"
	PackageSkip   PackageAction = "skip"
)

// PackageWish is what somebody chose for an object. Without one it is created
// when the project has none of its name, and else updated where it differs.
type PackageWish string

// The wishes.
const (
	WishSkip    PackageWish = "skip"    // what names it gets what the project has
	WishRename  PackageWish = "rename"  // it becomes a new object
	WishReplace PackageWish = "replace" // there must be one to replace
)

// PackageChoice is what was chosen for one object.
type PackageChoice struct {
	Wish PackageWish
	// Name is the new one of WishRename; what is in the package follows it.
	Name string
	// BasePath takes the place of that of a proxy or a proxy group.
	BasePath string
	// Secrets are those of an identity source by field.
	Secrets map[string]secret.Text
}

// PackageChoices are by Ref.Key of the objects in the package.
type PackageChoices map[archive.Ref]PackageChoice

// PackageSecret is a secret that can be given with an object.
type PackageSecret struct {
	Field, Label string
	Multiline    bool
	// Given tells that it was.
	Given bool
}

// PackageLine is one object of a package and what becomes of it.
type PackageLine struct {
	// Ref names the object in the package.
	Ref  archive.Ref
	Wish PackageWish
	// Name is the one that it has or gets in the project.
	Name   string
	Action PackageAction
	// Exists tells that the project has one of that name, at Version.
	Exists  bool
	Version int
	// Changes are what an update changes, in short words, or why it is skipped.
	Changes []string
	// BasePath is that of a proxy or a proxy group.
	BasePath string
	Secrets  []PackageSecret
	// Problems keep the whole package from being imported.
	Problems problem.List
}

// PackagePlan is what an import does. Nothing of it is written.
type PackagePlan struct {
	// From is the project that the package is from, "" when it does not say.
	From  string
	Lines []PackageLine
	// Digest names exactly what would be done, to what.
	Digest string
}

// Count is how many objects have an action and nothing against it.
func (p *PackagePlan) Count(a PackageAction) int {
	return p.count(func(l PackageLine) bool { return l.Action == a && len(l.Problems) == 0 })
}

// Refused is how many objects keep the package from being imported.
func (p *PackagePlan) Refused() int {
	return p.count(func(l PackageLine) bool { return len(l.Problems) > 0 })
}

func (p *PackagePlan) count(which func(PackageLine) bool) int {
	n := 0
	for _, l := range p.Lines {
		if which(l) {
			n++
		}
	}
	return n
}

// Err is all problems by the objects that they are of, as a problem.List, or
// nil.
func (p *PackagePlan) Err() error {
	var l problem.List
	for _, line := range p.Lines {
		for _, wrong := range line.Problems {
			wrong.Field = string(line.Ref.Kind) + "/" + line.Ref.Name + prefixed(wrong.Field)
			l = append(l, wrong)
		}
	}
	return l.Err()
}

func prefixed(field string) string {
	if field == "" {
		return ""
	}
	return ":" + field
}

func (p *PackagePlan) digest() string {
	h := sha256.New()
	for _, l := range p.Lines {
		fmt.Fprintf(h, "%s %q %s %q %q %s %t %d %q %v %q\n", l.Ref.Kind, l.Ref.Name, l.Wish, l.Name, l.BasePath, l.Action, l.Exists, l.Version, l.Changes, l.Secrets, l.Problems)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// errPlanned ends a transaction that was only to see what it would do.
var errPlanned = errors.New("planned")

// PlanPackage tells what the import of a package would do. It does it and takes
// it back, so that whatever a save refuses is refused here, in the same words
// (D20, D21). What is wrong with an object stands in its line; what is wrong with
// a choice for no object of the package is a problem.List.
func (s *Store) PlanPackage(ctx context.Context, projectID string, p archive.Package, choices PackageChoices) (PackagePlan, error) {
	if err := choices.fit(p); err != nil {
		return PackagePlan{}, err
	}
	var plan PackagePlan
	err := s.write(ctx, func(tx *gorm.DB) error {
		i, err := s.incoming(ctx, tx, Actor{Name: "plan"}, projectID, choices)
		if err != nil {
			return err
		}
		i.key = func() (keyPair, error) { return plannedKey(), nil }
		if plan, err = i.take(ctx, p); err != nil {
			return err
		}
		return errPlanned
	})
	if !errors.Is(err, errPlanned) {
		return PackagePlan{}, fmt.Errorf("plan import of package: %w", err)
	}
	return plan, nil
}

// fit finds choices for what is not in the package: a word misspelled on a
// command line must not be passed over.
func (c PackageChoices) fit(p archive.Package) error {
	in := map[archive.Ref]bool{}
	for _, o := range p.Objects {
		in[o.Base().Ref().Key()] = true
	}
	var l problem.List
	for ref := range c {
		if !in[ref.Key()] {
			l.Add("choices", "The package has no %s %q.", ref.Kind.Label(), ref.Name)
		}
	}
	slices.SortFunc(l, func(a, b problem.Problem) int { return strings.Compare(a.Message, b.Message) })
	return l.Err()
}

// incoming is a package on its way in, within one transaction.
type incoming struct {
	*exporter
	by      Actor
	choices PackageChoices
	// key makes the key pair of a new owner.
	key func() (keyPair, error)
	// names are the new ones of objects that are renamed, and used those that
	// objects of this package have taken.
	names map[archive.Ref]string
	used  map[archive.Ref]archive.Ref
	// refused are objects of the package that cannot be imported.
	refused map[archive.Ref]bool
	before  map[archive.Ref]archive.Object
	// sources tells that an identity source was written, which takes effect at
	// once.
	sources bool
	result  PackageResult
	needs   needs
}

func (s *Store) incoming(ctx context.Context, tx *gorm.DB, by Actor, projectID string, choices PackageChoices) (*incoming, error) {
	x, err := s.exporter(ctx, tx, projectID)
	if err != nil {
		return nil, err
	}
	return &incoming{
		exporter: x, by: by, choices: choices, names: map[archive.Ref]string{}, used: map[archive.Ref]archive.Ref{},
		refused: map[archive.Ref]bool{}, before: map[archive.Ref]archive.Object{}, needs: newNeeds(),
	}, nil
}

// take writes all objects, each after those that it can name, and says what
// became of them.
func (i *incoming) take(ctx context.Context, p archive.Package) (PackagePlan, error) {
	objects := inOrder(p.Objects)
	i.rename(objects)
	if err := i.readBefore(ctx, objects); err != nil {
		return PackagePlan{}, err
	}
	plan := PackagePlan{From: p.Project}
	for _, o := range objects {
		line, err := i.object(ctx, o)
		if err != nil {
			return plan, err
		}
		i.refused[line.Ref.Key()] = len(line.Problems) > 0
		plan.Lines = append(plan.Lines, line)
	}
	plan.Digest = plan.digest()
	return plan, nil
}

func inOrder(objects []archive.Object) []archive.Object {
	kinds := archive.Kinds()
	return slices.SortedStableFunc(slices.Values(objects), func(a, b archive.Object) int {
		return slices.Index(kinds, a.Base().Kind) - slices.Index(kinds, b.Base().Kind)
	})
}

func (i *incoming) choice(o archive.Object) PackageChoice { return i.choices[o.Base().Ref().Key()] }

// target is the object that the project has or gets.
func (i *incoming) target(o archive.Object) archive.Ref {
	ref := o.Base().Ref()
	if c := i.choice(o); c.Wish == WishRename {
		ref.Name = c.Name
	}
	return ref
}

// rename notes all new names before anything is written, as objects may name
// those that come later in their kind.
func (i *incoming) rename(objects []archive.Object) {
	for _, o := range objects {
		switch i.choice(o).Wish {
		case WishSkip:
			continue
		case WishRename:
			i.names[o.Base().Ref().Key()] = i.choice(o).Name
		}
		if to := i.target(o).Key(); i.used[to] == (archive.Ref{}) || i.choice(o).Wish != WishRename {
			i.used[to] = o.Base().Ref()
		}
	}
}

// readBefore reads what the project has of the objects, whole, at once.
func (i *incoming) readBefore(ctx context.Context, objects []archive.Object) error {
	wanted := map[archive.Ref]bool{}
	for _, o := range objects {
		wanted[i.target(o).Key()] = i.choice(o).Wish != WishSkip
	}
	for _, kind := range archive.Kinds() {
		list, err := i.read(ctx, kind, wanted)
		if err != nil {
			return err
		}
		for _, o := range list {
			i.before[o.Base().Ref().Key()] = o
		}
	}
	return nil
}

// object takes over one object. Problems are in the line; an error is one of
// ours.
func (i *incoming) object(ctx context.Context, o archive.Object) (PackageLine, error) {
	ref, c := o.Base().Ref(), i.choice(o)
	line := PackageLine{Ref: ref, Name: i.target(o).Name, Wish: c.Wish, Action: PackageCreate, BasePath: basePath(o)}
	if c.BasePath != "" && line.BasePath != "" {
		line.BasePath = c.BasePath
	}
	found, exists := i.there.find(ref.Kind, line.Name)
	line.Exists, line.Version = exists, found.Version
	if c.Wish == WishSkip {
		line.Action, line.Changes = PackageSkip, []string{"left out"}
		return line, nil
	}
	if exists {
		line.Action = PackageUpdate
	}
	if line.Problems = i.against(o, line); len(line.Problems) > 0 {
		return line, nil
	}
	return line, i.write(ctx, o, found, &line)
}

// against is what speaks against an object before its content is looked at.
func (i *incoming) against(o archive.Object, line PackageLine) problem.List {
	var l problem.List
	switch {
	case line.Wish == WishRename && line.Exists:
		l.Add("name", "The project has %s already. Choose another name, or replace it.", archive.Ref{Kind: line.Ref.Kind, Name: line.Name})
	case line.Wish == WishRename && i.used[i.target(o).Key()] != line.Ref:
		l.Add("name", "Another object of the package gets the name %q. Choose another one.", line.Name)
	case line.Wish == WishReplace && !line.Exists:
		l.Add("name", "The project has no %s %q to replace.", line.Ref.Kind.Label(), line.Name)
	}
	told := map[archive.Ref]bool{}
	for _, ref := range i.namedBy(o) {
		if key := ref.Key(); i.refused[key] && !told[key] {
			told[key] = true
			l.Add("", "It names %s, which cannot be imported as things are.", ref)
		}
	}
	return l
}

// write puts an object into the project unless it is there already like that.
func (i *incoming) write(ctx context.Context, o archive.Object, found stored, line *PackageLine) error {
	arrival, err := i.arrival(ctx, o, *line)
	if err == nil {
		line.Secrets = arrival.secrets
		given := slices.DeleteFunc(slices.Clone(arrival.secrets), func(s PackageSecret) bool { return !s.Given })
		if line.Exists {
			line.Changes = differences(i.before[i.target(o).Key()], arrival.object)
			for _, s := range given {
				line.Changes = append(line.Changes, s.Label)
			}
		}
		if line.Exists && len(line.Changes) == 0 {
			line.Action, line.Changes = PackageSkip, []string{"nothing changes"}
			return nil
		}
		err = arrival.save(found)
	}
	if violated(err) != "" { // which ends the transaction
		return raced(line.Ref.Kind, err)
	}
	if l := problem.Of(err); len(l) > 0 {
		line.Problems = l
		line.askFor(arrival.kindSecrets)
		return nil
	}
	return err
}

// askFor offers the secrets that problems are about; one without a field may be
// about any.
func (l *PackageLine) askFor(all []PackageSecret) {
	for _, s := range all {
		offered := slices.ContainsFunc(l.Secrets, func(o PackageSecret) bool { return o.Field == s.Field })
		if (l.Problems.For(s.Field) != "" || l.Problems.For("") != "") && !offered {
			l.Secrets = append(l.Secrets, s)
		}
	}
}

// raced is for those of the names that another writer took meanwhile.
func raced(kind archive.Kind, err error) error {
	switch kind {
	case archive.KindPolicy:
		return nameRace(err)
	case archive.KindIdentitySource:
		return identitySourceRace(err)
	case archive.KindPolicyGroup, archive.KindProxy, archive.KindProxyGroup:
		return nameRace(ownerRace(err, ownerKinds[kind]))
	}
	return err
}

func basePath(o archive.Object) string {
	switch o := o.(type) {
	case *archive.Proxy:
		return o.Route.BasePath
	case *archive.ProxyGroup:
		return o.Route.BasePath
	}
	return ""
}
