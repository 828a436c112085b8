// Package console owns the pages that people see: one file per group of
// actions. An action reads the request, calls one Store method and answers
// with a page or a redirect; what is wrong it returns as an error, and Fail
// turns that into a page in one place.
package console

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/apidocs"
	"github.com/gatewright/gatewright/web/link"
)

// Options are what the pages need.
type Options struct {
	Store *models.Store
	Types policy.Set
	// Identities are the kinds of identity source that can be added.
	Identities identity.Kinds
	// Outgoing decides where a test of an identity source may connect to, and from
	// where the document of an API is fetched; nil allows everything.
	Outgoing func(netip.Addr) error
	Logger   *slog.Logger
	Now      func() time.Time
	Sessions *scs.SessionManager
	Throttle Throttle
	// Reference is what the pages of the management API show.
	Reference apidocs.Reference
}

// Throttle slows the guessing of passwords.
type Throttle interface {
	// Wait is how long the next attempt has to wait; zero means go on.
	Wait(name, address string) time.Duration
	Failed(name, address string)
	Succeeded(name, address string)
}

// Console has the actions as its methods.
type Console struct {
	store      *models.Store
	types      policy.Set
	identities identity.Kinds
	outgoing   func(netip.Addr) error
	logger     *slog.Logger
	now        func() time.Time
	sessions   *scs.SessionManager
	throttle   Throttle
	reference  apidocs.Reference
	rightOf    func(address string) (visit.Right, bool)
}

// New makes the console.
func New(o Options) *Console {
	return &Console{store: o.Store, types: o.Types, identities: o.Identities, outgoing: o.Outgoing, logger: o.Logger, now: o.Now, sessions: o.Sessions, throttle: o.Throttle, reference: o.Reference}
}

// AskRights tells where to learn what a page needs.
func (c *Console) AskRights(of func(address string) (visit.Right, bool)) { c.rightOf = of }

// opens tells whether the visitor may open the page at an address. What the roles
// of a project allow opens its own pages and no others.
func (c *Console) opens(v *visit.Visit, address string) bool {
	if !strings.HasPrefix(address, link.ProjectList+"/") {
		v = v.In(nil)
	}
	right, ok := c.rightOf(address)
	return ok && (v.Can(right) || visit.IsLog(right) && !strings.HasPrefix(address, "/projects/") && !v.Sees(right).Empty())
}

// projectsOf lists the projects that the visitor may look at.
func (c *Console) projectsOf(ctx context.Context, v *visit.Visit) ([]models.Project, error) {
	if v.User.Role == models.RoleMember {
		return c.store.ProjectsWith(ctx, v.User.ID, "")
	}
	return v.Projects(ctx, c.store)
}

// visitIn is the visit as it would be to a page of project.
func (c *Console) visitIn(ctx context.Context, v *visit.Visit, project string) (*visit.Visit, error) {
	if v.User.Role != models.RoleMember || project == "" {
		return v, nil
	}
	here, err := c.store.PermissionsIn(ctx, v.User.ID, project)
	return v.In(here), err
}

// project is the project that the address names.
func (c *Console) project(ctx context.Context, name string) (models.Project, error) {
	return visit.From(ctx).FindProject(ctx, c.store, name)
}
