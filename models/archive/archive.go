// Package archive owns the form in which policies, proxies and what they need
// travel between installations and live in version control (D21): a ZIP with
// one JSON file for each object and a manifest, and the container that a
// passphrase makes of it. It knows no database: models collects the objects,
// plans an import and applies it.
package archive

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
)

// Kind is the wire name of a kind of object.
type Kind string

// The kinds, in an order in which each comes after all that it can name.
const (
	KindVariable       Kind = "GLOBAL_VARIABLE"
	KindRole           Kind = "CREDENTIAL_ROLE"
	KindIdentitySource Kind = "IDENTITY_SERVICE"
	KindPolicy         Kind = "GLOBAL_POLICY"
	KindPolicyGroup    Kind = "POLICY_GROUP"
	KindProxy          Kind = "API_PROXY"
	KindProxyGroup     Kind = "PROXY_GROUP"
)

// kind is what the package knows of a Kind.
type kind struct {
	name          Kind
	label, folder string
	new           func() Object
	// exact names are compared with their letter case, as tokens carry them.
	exact bool
}

var kinds = []kind{
	{name: KindVariable, label: "variable", folder: "global-variables", new: func() Object { return &Variable{} }},
	{name: KindRole, label: "role", folder: "credential-roles", new: func() Object { return &Role{} }, exact: true},
	{name: KindIdentitySource, label: "identity source", folder: "identity-services", new: func() Object { return &IdentitySource{} }},
	{name: KindPolicy, label: "global policy", folder: "global-policies", new: func() Object { return &Policy{} }},
	{name: KindPolicyGroup, label: "policy group", folder: "policy-groups", new: func() Object { return &PolicyGroup{} }},
	{name: KindProxy, label: "API proxy", folder: "api-proxies", new: func() Object { return &Proxy{} }},
	{name: KindProxyGroup, label: "proxy group", folder: "proxy-groups", new: func() Object { return &ProxyGroup{} }},
}

// Kinds are all kinds, each after those that it can name: objects that are
// applied in this order find what they name.
func Kinds() []Kind {
	names := make([]Kind, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// Label is what people call one object of the kind, "" for an unknown one.
func (k Kind) Label() string {
	if i := k.index(); i >= 0 {
		return kinds[i].label
	}
	return ""
}

func (k Kind) index() int {
	return slices.IndexFunc(kinds, func(other kind) bool { return other.name == k })
}

// New is an empty object of a kind, nil when there is no such kind.
func New(k Kind) Object {
	i := k.index()
	if i < 0 {
		return nil
	}
	o := kinds[i].new()
	o.Base().Kind = k
	return o
}

// Ref names an object. References are by name, never by id: an id means
// nothing in another installation.
type Ref struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

// Key is the same for two references exactly when they name one object: names
// are compared without regard to case (D17), only those of roles with it.
func (r Ref) Key() Ref {
	if i := r.Kind.index(); i < 0 || !kinds[i].exact {
		r.Name = strings.ToLower(r.Name)
	}
	return r
}

// compare orders by kind as Kinds does, then by name.
func (r Ref) compare(other Ref) int {
	return cmp.Or(
		cmp.Compare(r.Kind.index(), other.Kind.index()),
		strings.Compare(strings.ToLower(r.Name), strings.ToLower(other.Name)),
		strings.Compare(r.Name, other.Name),
	)
}

// String is how sentences name the object.
func (r Ref) String() string { return fmt.Sprintf("the %s %s", r.Kind.Label(), quoted(r.Name)) }

func (r Ref) problems() problem.List {
	var l problem.List
	if r.Kind.index() < 0 {
		l.Add("kind", "%s is not a kind that this version of Gatewright knows.", quoted(string(r.Kind)))
	}
	if msg := nameProblem(r.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	return l
}

// Object is one thing in a package: a pointer to a struct that embeds Common.
// What its definition may say is judged where it is saved (D20); the archive
// only makes sure that nothing in it can be read in two ways.
type Object interface {
	// Base is the common part, for reading and writing.
	Base() *Common
	problems() problem.List
}

// Common is what every object has.
type Common struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Dependencies are the objects that this one names. They stand in the
	// manifest and tell people what belongs together; what an object really
	// names is in the object, so nothing is decided by them.
	Dependencies []Ref `json:"-"`
}

// Base implements Object.
func (c *Common) Base() *Common { return c }

// Ref is how others name the object.
func (c *Common) Ref() Ref { return Ref{Kind: c.Kind, Name: c.Name} }

// Package is what is exported and imported.
type Package struct {
	// Project is the name of the one that the objects are from; "" when there was
	// no manifest to tell.
	Project string
	// Objects are in the order of Kinds and then of their names once they were
	// read; Write takes them in any order.
	Objects []Object
}

// sorted are the objects in the one order that packages have.
func (p Package) sorted() []Object {
	return slices.SortedFunc(slices.Values(p.Objects), func(a, b Object) int { return a.Base().Ref().compare(b.Base().Ref()) })
}

// ofItsKind tells whether the type of an object is that of its kind.
func ofItsKind(o Object) bool {
	want := New(o.Base().Kind)
	return want != nil && reflect.TypeOf(want) == reflect.TypeOf(o)
}
