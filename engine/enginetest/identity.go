package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// People is an identity source in memory: passwords by name, and roles.
type People struct {
	Passwords map[string]string
	Roles     map[string][]string
	// Down makes every call fail.
	Down atomic.Bool
	// Asked counts the calls, Opened and Closed the times it was.
	Asked, Opened, Closed atomic.Int64
}

var errDown = errors.New("the people are not at home")

// Authenticate implements identity.Source.
func (p *People) Authenticate(_ context.Context, name string, password secret.Text) (identity.Identity, bool, error) {
	p.Asked.Add(1)
	want, ok := p.Passwords[name]
	if p.Down.Load() {
		return identity.Identity{}, false, errDown
	}
	if !ok || want != password.Reveal() {
		return identity.Identity{}, false, nil
	}
	return identity.Identity{Name: name, Roles: p.Roles[name]}, true, nil
}

// Lookup implements identity.Source.
func (p *People) Lookup(_ context.Context, name string) (identity.Identity, bool, error) {
	p.Asked.Add(1)
	if p.Down.Load() {
		return identity.Identity{}, false, errDown
	}
	_, ok := p.Passwords[name]
	return identity.Identity{Name: name, Roles: p.Roles[name]}, ok, nil
}

// Close implements identity.Source.
func (p *People) Close() { p.Closed.Add(1) }

// Kind is a kind of source whose sources are all p. It says that it is LDAP, as
// policies name one of the known kinds.
func (p *People) Kind() identity.Kind {
	return identity.Kind{Name: identity.LDAP, Label: "People", Summary: "A source of a test.", New: func() identity.Config {
		return &peopleConfig{Common: identity.NewCommon(identity.LDAP), people: p}
	}}
}

type peopleConfig struct {
	identity.Common
	people *People
}

func (c *peopleConfig) Base() *identity.Common { return &c.Common }
func (*peopleConfig) Normalize()               {}
func (c *peopleConfig) Validate() problem.List { return c.Common.Validate() }
func (*peopleConfig) Destinations() []string   { return nil }

// Open implements identity.Config.
func (c *peopleConfig) Open(identity.Deps) (identity.Source, error) {
	c.people.Opened.Add(1)
	return c.people, nil
}

// Source is a source of the project "shop" with that name, of a kind that
// People made.
func Source(t testing.TB, name, digest string) engine.Source {
	t.Helper()
	common := identity.NewCommon(identity.LDAP)
	common.Name = name
	raw, err := json.Marshal(common)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Source{ID: "source-" + name, Project: "shop", Name: name, Digest: digest, Definition: raw}
}
