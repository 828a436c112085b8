package models

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
)

// KindProjectRole is what an audit record of such a role is about.
const KindProjectRole = "PROJECT_ROLE"

// projectRolesByName is the unique index behind the names.
const projectRolesByName = "roles_name"

// ProjectRole is what somebody may do in a project (reference 1.1). Not to be
// confused with Role, which callers of APIs have.
type ProjectRole struct {
	ID, Name, Description string
	// Permissions are whole, see Permissions.Whole.
	Permissions Permissions
	// Fixed can be neither edited nor deleted.
	Fixed bool
	// Used counts the memberships that have it.
	Used int
	Stamp
}

type projectRoleRow struct {
	ID          string `gorm:"primaryKey"`
	Name        string
	Description string
	Permissions document
	Fixed       bool
	Stamp       stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (projectRoleRow) TableName() string { return "roles" }

func (r projectRoleRow) role() (ProjectRole, error) {
	role := ProjectRole{ID: r.ID, Name: r.Name, Description: r.Description, Fixed: r.Fixed, Stamp: r.Stamp.stamp()}
	has, err := joined([]document{r.Permissions})
	role.Permissions = has.Whole()
	return role, err
}

// projectRoleRecord is a role in the audit.
type projectRoleRecord struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Permissions json.RawMessage `json:"permissions"`
}

func (r projectRoleRow) audited() projectRoleRecord {
	return projectRoleRecord{r.Name, r.Description, json.RawMessage(r.Permissions)}
}

const projectRoleLines = "select r.*, (select count(*) from project_member_roles m where m.role_id = r.id) as used from roles r"

type projectRoleLine struct {
	Row  projectRoleRow `gorm:"embedded"`
	Used int
}

func (l projectRoleLine) role() (ProjectRole, error) {
	r, err := l.Row.role()
	r.Used = l.Used
	return r, err
}

// ProjectRoles lists all of them by name, those that come with the product among
// them.
func (s *Store) ProjectRoles(ctx context.Context) ([]ProjectRole, error) {
	lines, err := query[projectRoleLine](ctx, s.db, projectRoleLines+" order by lower(r.name)")
	if err != nil {
		return nil, fmt.Errorf("list roles of projects: %w", err)
	}
	list := make([]ProjectRole, len(lines))
	for i, l := range lines {
		if list[i], err = l.role(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ProjectRole finds one by name, compared without case.
func (s *Store) ProjectRole(ctx context.Context, name string) (ProjectRole, error) {
	if !storable(name) {
		return ProjectRole{}, fmt.Errorf("read role of projects: %w", ErrNotFound)
	}
	return s.oneProjectRole(ctx, s.db, "lower(r.name) = lower(?)", name)
}

func (s *Store) oneProjectRole(ctx context.Context, tx *gorm.DB, condition, value string) (ProjectRole, error) {
	lines, err := query[projectRoleLine](ctx, tx, projectRoleLines+" where "+condition, value)
	if err == nil && len(lines) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return ProjectRole{}, fmt.Errorf("read role of projects: %w", err)
	}
	return lines[0].role()
}

// SaveProjectRole writes a role: a new one when its ID is empty, else the one of
// that ID as it was read at Version. Whoever has it may do what it says from then
// on. Errors are a problem.List of the fields name, description and permissions, a
// *StaleError, ErrNotFound, and ErrForbidden for a fixed one.
func (s *Store) SaveProjectRole(ctx context.Context, by Actor, r ProjectRole) (ProjectRole, error) {
	if err := r.validate().Err(); err != nil {
		return ProjectRole{}, err
	}
	raw, err := json.Marshal(r.Permissions.Whole())
	if err != nil {
		return ProjectRole{}, fmt.Errorf("encode permissions: %w", err)
	}
	row := projectRoleRow{ID: r.ID, Name: r.Name, Description: r.Description, Permissions: raw}
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		row, err = s.writeProjectRole(ctx, tx, by, row, r.Version)
		return err
	})
	if violated(err) == projectRolesByName {
		err = problem.List{{Field: "name", Message: "The name is taken by another role; choose another one.", Taken: true}}
	}
	if err != nil {
		return ProjectRole{}, fmt.Errorf("save role of projects: %w", err)
	}
	return s.oneProjectRole(ctx, s.db, "r.id = ?", row.ID)
}

func (r ProjectRole) validate() problem.List {
	var l problem.List
	if msg := problem.Name(r.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	if msg := problem.Description(r.Description); msg != "" {
		l.Add("description", "%s", msg)
	}
	if unknown := r.Permissions.unknown(AllPermissions()); len(unknown) > 0 {
		l.Add("permissions", "There is no permission %s.", truncated(strings.Join(unknown, ", "), maxSearch))
	} else if len(r.Permissions) == 0 {
		l.Add("permissions", "Choose at least one permission; a role without any opens nothing.")
	}
	return l
}

func (s *Store) writeProjectRole(ctx context.Context, tx *gorm.DB, by Actor, row projectRoleRow, version int) (projectRoleRow, error) {
	if row.ID == "" {
		row.ID, row.Stamp = newID(), born(by, s.now())
		if err := from[projectRoleRow](tx).Create(ctx, &row); err != nil {
			return row, err
		}
		return row, s.record(ctx, tx, by, fact{action: ActionCreated, kind: KindProjectRole, id: row.ID, name: row.Name, after: row.audited()})
	}
	before, err := s.projectRoleAt(ctx, tx, row.ID, version)
	if err != nil {
		return row, err
	}
	if before.Fixed {
		return row, ErrForbidden
	}
	row.Stamp = before.Stamp.next(by, s.now())
	if _, err := from[projectRoleRow](tx).Where("id = ?", row.ID).
		Select("name", "description", "permissions", "version", "updated_at", "updated_by").Updates(ctx, row); err != nil {
		return row, err
	}
	return row, s.record(ctx, tx, by, fact{
		action: ActionUpdated, kind: KindProjectRole, id: row.ID, name: row.Name, before: before.audited(), after: row.audited(),
	})
}

// projectRoleAt is a role as it was read at version, or the *StaleError that shows
// what it has become.
func (s *Store) projectRoleAt(ctx context.Context, tx *gorm.DB, id string, version int) (projectRoleRow, error) {
	if !isID(id) {
		return projectRoleRow{}, ErrNotFound
	}
	row, err := found(from[projectRoleRow](tx).Where("id = ?", id).Take(ctx))
	if isNotFound(err) {
		return row, s.missing(ctx, KindProjectRole, id)
	}
	if err != nil || row.Stamp.Version == version {
		return row, err
	}
	r, err := row.role()
	if err != nil {
		return row, err
	}
	return row, &StaleError{Kind: KindProjectRole, Name: r.Name, Version: r.Version, Current: r, By: r.UpdatedBy, At: r.UpdatedAt}
}

// DeleteProjectRole removes a role as it was read at version. One that somebody
// has is a problem.List, a fixed one ErrForbidden.
func (s *Store) DeleteProjectRole(ctx context.Context, by Actor, id string, version int) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		row, err := s.projectRoleAt(ctx, tx, id, version)
		if err != nil {
			return err
		}
		if row.Fixed {
			return ErrForbidden
		}
		r, err := s.oneProjectRole(ctx, tx, "r.id = ?", id)
		if err != nil {
			return err
		}
		if r.Used > 0 {
			var l problem.List
			l.Add("name", "%s is given %s. Take it away from them first.", r.Name, times(r.Used))
			return l
		}
		if _, err := from[projectRoleRow](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return err
		}
		return s.record(ctx, tx, by, fact{action: ActionDeleted, kind: KindProjectRole, id: id, name: row.Name, before: row.audited()})
	})
	if err != nil {
		return fmt.Errorf("delete role of projects: %w", err)
	}
	return nil
}

// times says how many memberships have a role.
func times(n int) string {
	if n == 1 {
		return "to one member"
	}
	return fmt.Sprintf("to %d members", n)
}
