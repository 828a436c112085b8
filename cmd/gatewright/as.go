package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
)

// asFlags say for whom a command runs. Whoever runs it has the master key and may do
// everything; scripts that need less ask for less.
type asFlags struct {
	As string `name:"as" env:"-" help:"Do no more than this console user may, and be recorded as that user. Without it, everything, as the operator." placeholder:"USER"`
}

// caller is for whom a command runs: the one rule of the console decides what for.
type caller struct {
	*visit.Visit
	actor models.Actor
}

// caller finds who it is and what they may do in a project, "" for none.
func (f asFlags) caller(p *process, store *models.Store, project string) (caller, error) {
	if f.As == "" {
		operator := models.User{ID: "operator", Role: models.RoleAdministrator}
		return caller{visit.New(operator, "", netip.Addr{}, nil), commandLine}, nil
	}
	u, err := store.UserByName(p.ctx, f.As)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return caller{}, fmt.Errorf("--as: there is no user %q", f.As)
	case err != nil:
		return caller{}, err
	case u.Locked:
		return caller{}, fmt.Errorf("--as: %s is locked", u.Name)
	}
	v := visit.New(u, "", netip.Addr{}, nil)
	if u.Role == models.RoleMember && project != "" {
		here, err := store.PermissionsIn(p.ctx, u.ID, project)
		if err != nil {
			return caller{}, err
		}
		v.Enters(here)
	}
	return caller{v, models.Actor{UserID: u.ID, Name: u.Name}}, nil
}

// needs is an error where the caller has not the right.
func (c caller) needs(right visit.Right) error {
	if c.Can(right) {
		return nil
	}
	return fmt.Errorf("%s may not do this: it takes the right %s", c.actor.Name, right)
}

// within is withStore for what takes a right about the installation.
func (f asFlags) within(p *process, sf storeFlags, lf logFlags, right visit.Right, do func(*models.Store, models.Actor) error) error {
	return withStore(p, sf, lf, func(store *models.Store) error {
		who, err := f.caller(p, store, "")
		if err != nil {
			return err
		}
		if err := who.needs(right); err != nil {
			return err
		}
		return do(store, who.actor)
	})
}

// exports refuses a package that holds what the caller may not take along.
func (c caller) exports(pack archive.Package) error {
	kinds := c.NotExported(pack.Objects)
	if len(kinds) == 0 {
		return nil
	}
	var names []string
	for _, k := range kinds {
		names = append(names, k.Label())
	}
	return fmt.Errorf("%s may not export every kind of object that this takes: %s", c.actor.Name, strings.Join(names, ", "))
}

// imports refuses a plan that writes what the caller may not.
func (c caller) imports(plan models.PackagePlan) error {
	for _, l := range plan.Lines {
		writes := l.Action == models.PackageCreate || l.Action == models.PackageUpdate
		if writes && !c.MayImport(l.Ref.Kind) || !c.MayExport(l.Ref.Kind) {
			return fmt.Errorf("%s may not import objects of the kind %s, such as %s", c.actor.Name, l.Ref.Kind.Label(), l.Ref.Name)
		}
	}
	return nil
}
