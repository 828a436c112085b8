// Package console owns the pages that people see: one file per group of
// actions. An action reads the request, calls one Store method and answers
// with a page or a redirect; what is wrong it returns as an error, and Fail
// turns that into a page in one place.
package console

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
)

// Options are what the pages need.
type Options struct {
	Store *models.Store
	Types policy.Set
	// Identities are the kinds of identity source that can be added.
	Identities identity.Kinds
	// Outgoing decides where a test of an identity source may connect to; nil
	// allows everything.
	Outgoing func(netip.Addr) error
	Logger   *slog.Logger
	Now      func() time.Time
	Sessions *scs.SessionManager
	Throttle Throttle
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
}

// New makes the console.
func New(o Options) *Console {
	return &Console{store: o.Store, types: o.Types, identities: o.Identities, outgoing: o.Outgoing, logger: o.Logger, now: o.Now, sessions: o.Sessions, throttle: o.Throttle}
}

// project is the project that the address names.
func (c *Console) project(ctx context.Context, name string) (models.Project, error) {
	return c.store.Project(ctx, name)
}
