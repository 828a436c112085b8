package modelstest

import (
	"context"
	"strings"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// Directory is the configuration of an identity source that exists in tests
// only. It connects to nothing: a Server with "down" in it does not answer, and
// everybody's password is "of " and the name.
type Directory struct {
	identity.Common
	Server string `json:"server"`
	// Claims are names of claims that everybody has.
	Claims []string `json:"claims"`
}

// DirectoryKind is the kind of Directory that is nothing else.
const DirectoryKind identity.KindName = "DIRECTORY"

// Kinds are kinds of identity source that exist in tests only: Directory, also
// under the names of real kinds. It has the secrets bindPassword and clientKey.
func Kinds() identity.Kinds {
	var kinds identity.Kinds
	for _, name := range []identity.KindName{DirectoryKind, identity.LDAP, identity.Database, identity.API} {
		kinds = append(kinds, identity.Kind{
			Name: name, Label: "Directory " + string(name), Summary: "Users of a test.",
			Secrets: []identity.SecretField{{Name: "bindPassword", Label: "Bind password"}, {Name: "clientKey", Label: "Client key", Multiline: true}},
			New:     func() identity.Config { return &Directory{Common: identity.NewCommon(name)} },
		})
	}
	return kinds
}

// NewDirectory is a valid configuration.
func NewDirectory(kind identity.KindName, name string) *Directory {
	d := &Directory{Common: identity.NewCommon(kind), Server: "ldaps://one.example"}
	d.Name = name
	return d
}

// Base implements identity.Config.
func (d *Directory) Base() *identity.Common { return &d.Common }

// Normalize implements identity.Config.
func (d *Directory) Normalize() { d.Server = strings.TrimSpace(d.Server) }

// Destinations implements identity.Config.
func (d *Directory) Destinations() []string { return []string{d.Server} }

// Validate implements identity.Config.
func (d *Directory) Validate() problem.List {
	l := d.Common.Validate()
	if d.Server == "" {
		l.Add("server", "Enter the server.")
	}
	return l
}

// Open implements identity.Config. A clientKey that is "not a key" is refused.
func (d *Directory) Open(deps identity.Deps) (identity.Source, error) {
	if deps.Secrets["clientKey"].Reveal() == "not a key" {
		return nil, problem.List{{Field: "clientKey", Message: "Enter a private key in PEM."}}
	}
	return &directory{config: d, bind: deps.Secrets["bindPassword"]}, nil
}

type directory struct {
	config *Directory
	bind   secret.Text
}

func (d *directory) who(name string) identity.Identity {
	who := identity.Identity{Name: name, Roles: []string{"staff"}, Claims: map[string]any{}}
	for _, c := range d.config.Claims {
		who.Claims[c] = "value of " + c
	}
	return who
}

// Authenticate implements identity.Source.
func (d *directory) Authenticate(_ context.Context, name string, password secret.Text) (identity.Identity, bool, error) {
	if !password.Equal(secret.New("of " + name)) {
		return identity.Identity{}, false, nil
	}
	return d.who(name), true, nil
}

// Lookup implements identity.Source.
func (d *directory) Lookup(_ context.Context, name string) (identity.Identity, bool, error) {
	return d.who(name), true, nil
}

// Close implements identity.Source.
func (d *directory) Close() {}

// Test implements identity.Tester. The detail of the first step says how long
// the bind password is, so that a test can tell which one was used.
func (d *directory) Test(ctx context.Context, name string, password secret.Text) identity.Report {
	r := identity.Report{Steps: []identity.Step{{
		Text: "Connect to " + d.config.Server, OK: !strings.Contains(d.config.Server, "down"),
		Detail: "with a bind password of " + strings.Repeat("*", len(d.bind.Reveal())),
	}}}
	if !r.Steps[0].OK || name == "" {
		return r
	}
	if password.IsZero() {
		r.Identity = d.who(name)
		return r
	}
	r.Identity, r.Accepted, _ = d.Authenticate(ctx, name, password)
	r.Steps = append(r.Steps, identity.Step{Text: "Log in as " + name, OK: r.Accepted})
	return r
}
