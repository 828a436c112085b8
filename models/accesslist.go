package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
)

// AccessEntry is what a credential may use, by name.
type AccessEntry struct {
	Name string
	// Kind is engine.KindProxy or engine.KindProxyGroup.
	Kind          string
	Expires       time.Time // zero means never
	DeniedMethods []string
}

// AccessEdit says what is done with entries of a credential's access.
type AccessEdit string

// The edits.
const (
	AccessAdd    AccessEdit = "add"    // refused where there is access already
	AccessChange AccessEdit = "change" // refused where there is none
	AccessEnd    AccessEdit = "end"    // refused where there is none
)

// CredentialAccess lists all that a credential may use, by name.
func (s *Store) CredentialAccess(ctx context.Context, projectID, credentialID string) ([]Grant, error) {
	return credentialAccess(ctx, s.db, projectID, credentialID)
}

func credentialAccess(ctx context.Context, db *gorm.DB, projectID, credentialID string) ([]Grant, error) {
	var all []Grant
	for f := (AccessFilter{CredentialID: credentialID, Page: 1, PerPage: maxPerPage}); ; f.Page++ {
		list, _, err := access(ctx, db, projectID, f)
		if err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < f.PerPage {
			return all, nil
		}
	}
}

// EditAccess adds, changes or ends access of a credential, all of the entries or
// nothing, at once and without a deploy (D5). Seen is what the caller saw of it,
// in the order of CredentialAccess; where that is no more what there is, the
// error is a *StaleError. Problems are of the fields [i].name, [i].expireTime and
// [i].deniedMethods.
func (s *Store) EditAccess(ctx context.Context, by Actor, projectID, credentialID string, seen []Grant, edit AccessEdit, entries []AccessEntry) ([]Grant, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return nil, err
	}
	if len(entries) > MaxNewGrants {
		return nil, problem.List{{Message: fmt.Sprintf("Name at most %d; there are %d.", MaxNewGrants, len(entries))}}
	}
	var after []Grant
	err = s.writeCredentials(ctx, by, func(tx *gorm.DB) ([]string, error) {
		w := accessWrite{s: s, by: by, project: project, credentialID: credentialID}
		if err := w.write(ctx, tx, seen, edit, entries); err != nil {
			return nil, err
		}
		var err error
		after, err = credentialAccess(ctx, tx, project.ID, credentialID)
		return []string{credentialID}, err
	})
	if violated(err) == "credential_access_grant" {
		err = problem.List{{Message: "Somebody granted the same access at this moment. Look at the list and try again.", Taken: true}}
	}
	if err != nil {
		return nil, fmt.Errorf("edit access: %w", err)
	}
	return after, nil
}

// accessWrite is an edit of a credential's access on its way into the database.
type accessWrite struct {
	s            *Store
	by           Actor
	project      Project
	credentialID string
}

func (w accessWrite) write(ctx context.Context, tx *gorm.DB, seen []Grant, edit AccessEdit, entries []AccessEntry) error {
	row, err := found(from[credentialRow](tx).Where("id = ? and project_id = ?", w.credentialID, w.project.ID).Take(ctx))
	if isNotFound(err) {
		return w.s.missing(ctx, KindCredential, w.credentialID)
	}
	if err != nil {
		return err
	}
	now, err := credentialAccess(ctx, tx, w.project.ID, w.credentialID)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(seen, now, func(a, b Grant) bool { return a.ID == b.ID && a.Version == b.Version }) {
		return staleAccess(row, now)
	}
	changes, err := w.check(ctx, tx, now, edit, entries)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := w.apply(ctx, tx, edit, c); err != nil {
			return err
		}
	}
	return nil
}

// staleAccess says who changed the access of a credential last. Of one that was
// ended nothing is left to say it.
func staleAccess(row credentialRow, now []Grant) error {
	e := &StaleError{Kind: KindAccess, Name: "The access of " + row.Name, Current: now, By: "somebody"}
	for _, g := range now {
		if g.UpdatedAt.After(e.At) {
			e.By, e.At, e.Version = g.UpdatedBy, g.UpdatedAt, g.Version
		}
	}
	return e
}

// accessChange is one entry with the grant that it is about.
type accessChange struct {
	before *Grant
	row    accessRow
}

func (w accessWrite) check(ctx context.Context, tx *gorm.DB, now []Grant, edit AccessEdit, entries []AccessEntry) ([]accessChange, error) {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	ids := map[string]map[int]string{}
	for _, kind := range []string{engine.KindProxy, engine.KindProxyGroup} {
		var err error
		if ids[kind], err = idsByName(ctx, tx, "(select * from owners where kind = '"+kind+"')", w.project.ID, names); err != nil {
			return nil, fmt.Errorf("look for APIs: %w", err)
		}
	}
	var l problem.List
	var changes []accessChange
	for i, e := range entries {
		var own problem.List
		owner := ids[e.Kind][i]
		c := accessChange{row: accessRow{ID: newID(), CredentialID: w.credentialID, OwnerID: owner, ExpiresAt: orNever(e.Expires), Stamp: born(w.by, w.s.now())}}
		if at := slices.IndexFunc(now, func(g Grant) bool { return g.OwnerID == owner }); at >= 0 {
			c.before = &now[at]
			c.row.ID = c.before.ID
		}
		switch {
		case owner == "":
			own.Add("name", "The project has no %s called %q.", map[string]string{engine.KindProxy: "API proxy", engine.KindProxyGroup: "proxy group"}[e.Kind], truncated(e.Name, 60))
		case slices.ContainsFunc(changes, func(o accessChange) bool { return o.row.OwnerID == owner }):
			own.Add("name", "%s stands here twice.", e.Name)
		case edit == AccessAdd && c.before != nil:
			own.AddTaken("name", "There is access to "+e.Name+" already; change it instead.")
		case edit != AccessAdd && c.before == nil:
			own.Add("name", "There is no access to %s.", e.Name)
		}
		if edit != AccessEnd {
			var until time.Time
			if c.before != nil {
				until = c.before.Expires
			}
			c.row.DeniedMethods = w.s.checkGrant(&own, e.Expires, until, e.DeniedMethods)
		}
		l.Append(fmt.Sprintf("[%d]", i), own)
		changes = append(changes, c)
	}
	return changes, l.Err()
}

func (w accessWrite) apply(ctx context.Context, tx *gorm.DB, edit AccessEdit, c accessChange) error {
	var err error
	action, id := ActionCreated, c.row.ID
	switch edit {
	case AccessAdd:
		err = from[accessRow](tx).Create(ctx, &c.row)
	case AccessChange:
		action = ActionUpdated
		_, err = exec(ctx, tx, `update credential_access set expires_at = ?, denied_methods = ?, version = version + 1, updated_at = ?, updated_by = ? where id = ?`,
			c.row.ExpiresAt, c.row.DeniedMethods, w.s.now(), w.by.Name, id)
	case AccessEnd:
		action, id = ActionDeleted, ""
		_, err = from[accessRow](tx).Where("id = ?", c.row.ID).Delete(ctx)
	}
	if err != nil {
		return err
	}
	_, err = w.s.recordGrant(ctx, tx, w.by, w.project, action, c.before, id)
	return err
}
