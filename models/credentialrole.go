package models

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
)

// rolesByName is the unique index behind the names of roles.
const rolesByName = "credential_roles_name"

const roleTaken = "The name is taken by another role; names are unique over all projects. Choose another one."

// Role is a role of the secret manager.
type Role struct {
	ID, ProjectID string
	// Name never changes: it is in tokens and policies. It is compared exactly.
	Name, Description string
	// Credentials and Policies count what uses it.
	Credentials, Policies int
	Stamp
}

// RoleUsage is what uses a role.
type RoleUsage struct {
	// Credentials counts those that have it; CredentialNames are a few of them.
	Credentials     int
	CredentialNames []string
	// Policies are the names of policies that ask for it.
	Policies []string
}

// RoleFilter narrows and orders a list of roles.
type RoleFilter struct {
	// Query is looked for in name and description, without regard to case.
	Query string
	// Sort is name (the default), credentials or updated.
	Sort string
	Desc bool
	// Page counts from 1; PerPage is 25 by default and at most 500.
	Page, PerPage int
}

var roleSorts = map[string]string{"name": "lower(name)", "credentials": "credentials", "updated": "updated_at"}

type roleRow struct {
	ID          string `gorm:"primaryKey"`
	ProjectID   string
	Name        string
	Description string
	Stamp       stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (roleRow) TableName() string { return "credential_roles" }

// rolePolicies finds the policies of r.project_id that ask for the role r, as a
// condition on p. Roles stand in two places of a policy's authorization.
const rolePolicies = `p.project_id = r.project_id and (p.config -> 'authorization' -> 'credentialRoleNameList' @> to_jsonb(r.name)
	or p.config -> 'authorization' -> 'policyAuthorizationMethodDefList' @> jsonb_build_array(jsonb_build_object('credentialRoleNameList', jsonb_build_array(r.name))))`

// Roles lists the roles of a project with their use, and how many the filter
// leaves in all.
func (s *Store) Roles(ctx context.Context, projectID string, f RoleFilter) ([]Role, int, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return nil, 0, err
	}
	type line struct {
		Role                         roleRow `gorm:"embedded"`
		Credentials, Policies, Total int
	}
	like := containing(f.Query)
	limit, offset := page(f.Page, f.PerPage)
	lines, err := query[line](ctx, s.db, `select r.*, count(*) over () as total,
			(select count(*) from credential_role_members m where m.role_id = r.id) as credentials,
			(select count(*) from policies p where `+rolePolicies+`) as policies
		from credential_roles r where r.project_id = ? and (r.name ilike ? or r.description ilike ?)
		order by `+ordering(roleSorts, f.Sort, f.Desc)+`, lower(name), name limit ? offset ?`, project.ID, like, like, limit, offset)
	if err != nil {
		return nil, 0, fmt.Errorf("list roles: %w", err)
	}
	list, total := make([]Role, len(lines)), 0
	for i, l := range lines {
		list[i] = l.Role.role()
		list[i].Credentials, list[i].Policies, total = l.Credentials, l.Policies, l.Total
	}
	return list, total, nil
}

func (r roleRow) role() Role {
	return Role{ID: r.ID, ProjectID: r.ProjectID, Name: r.Name, Description: r.Description, Stamp: r.Stamp.stamp()}
}

// Role finds a role of a project by its exact name.
func (s *Store) Role(ctx context.Context, projectID, name string) (Role, error) {
	if !isID(projectID) || !storable(name) {
		return Role{}, fmt.Errorf("read role: %w", ErrNotFound)
	}
	row, err := found(from[roleRow](s.db).Where("project_id = ? and name = ?", projectID, name).Take(ctx))
	if err != nil {
		return Role{}, fmt.Errorf("read role: %w", err)
	}
	return row.role(), nil
}

// RoleNames are all roles of a project by name, for choosers.
func (s *Store) RoleNames(ctx context.Context, projectID string) ([]string, error) {
	if !isID(projectID) {
		return nil, nil
	}
	names, err := query[string](ctx, s.db, "select name from credential_roles where project_id = ? order by lower(name), name", projectID)
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	return names, nil
}

// roleIDs are the ids of those names that are roles of the project. There may
// be more names than a statement takes parameters.
func roleIDs(ctx context.Context, db *gorm.DB, projectID string, names []string) (map[string]string, error) {
	ids := make(map[string]string, len(names))
	fit := make([]string, 0, len(names))
	for _, n := range names {
		if storable(n) {
			fit = append(fit, n)
		}
	}
	if len(fit) == 0 {
		return ids, nil
	}
	list, err := json.Marshal(fit)
	if err != nil {
		return nil, fmt.Errorf("encode roles: %w", err)
	}
	type line struct{ ID, Name string }
	rows, err := query[line](ctx, db, "select id, name from credential_roles where project_id = ? and name in (select jsonb_array_elements_text(?::jsonb))", projectID, string(list))
	if err != nil {
		return nil, fmt.Errorf("look for roles: %w", err)
	}
	for _, r := range rows {
		ids[r.Name] = r.ID
	}
	return ids, nil
}

// RoleUse tells what uses a role.
func (s *Store) RoleUse(ctx context.Context, projectID, id string) (RoleUsage, error) {
	if !isID(projectID) || !isID(id) {
		return RoleUsage{}, fmt.Errorf("read use of role: %w", ErrNotFound)
	}
	return roleUse(ctx, s.db, id)
}

func roleUse(ctx context.Context, db *gorm.DB, id string) (RoleUsage, error) {
	const named = 5
	var u RoleUsage
	counts, err := query[int](ctx, db, "select count(*) from credential_role_members where role_id = ?", id)
	if err != nil {
		return u, fmt.Errorf("count credentials of role: %w", err)
	}
	u.Credentials = counts[0]
	u.CredentialNames, err = query[string](ctx, db, `select c.name from credential_role_members m join credentials c on c.id = m.credential_id
		where m.role_id = ? order by lower(c.name) limit ?`, id, named)
	if err != nil {
		return u, fmt.Errorf("list credentials of role: %w", err)
	}
	u.Policies, err = query[string](ctx, db, "select p.name from policies p join credential_roles r on r.id = ? where "+rolePolicies+" order by lower(p.name)", id)
	if err != nil {
		return u, fmt.Errorf("list policies of role: %w", err)
	}
	return u, nil
}

// SaveRole writes a role: a new one when id is empty, else the description of
// the one of that id as it was read at version. Problems are of the fields name
// and description.
func (s *Store) SaveRole(ctx context.Context, by Actor, projectID, id string, version int, name, description string) (Role, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Role{}, err
	}
	var saved roleRow
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		if id == "" {
			saved, err = s.createRole(ctx, tx, by, project, name, description)
			return err
		}
		saved, err = s.describeRole(ctx, tx, by, project, id, version, name, description)
		return err
	})
	if violated(err) == rolesByName {
		err = problem.List{{Field: "name", Message: roleTaken, Taken: true}}
	}
	if err != nil {
		return Role{}, fmt.Errorf("save role: %w", err)
	}
	return saved.role(), nil
}

func (s *Store) createRole(ctx context.Context, tx *gorm.DB, by Actor, project Project, name, description string) (roleRow, error) {
	row := roleRow{ID: newID(), ProjectID: project.ID, Name: name, Description: description, Stamp: born(by, s.now())}
	l := roleProblems(name, description)
	if l.For("name") == "" {
		n, err := from[roleRow](tx).Where("name = ?", name).Count(ctx, "*")
		if err != nil {
			return row, fmt.Errorf("look for a role of that name: %w", err)
		}
		if n > 0 {
			l.AddTaken("name", roleTaken)
		}
	}
	if err := l.Err(); err != nil {
		return row, err
	}
	if err := from[roleRow](tx).Create(ctx, &row); err != nil {
		return row, err
	}
	return row, s.recordRole(ctx, tx, by, ActionCreated, project, nil, &row)
}

func roleProblems(name, description string) problem.List {
	var l problem.List
	if msg := identity.RoleProblem(name); msg != "" {
		l.Add("name", "%s", msg)
	} else if !storable(name) {
		l.Add("name", "Use characters of UTF-8 only.")
	}
	if msg := problem.Description(description); msg != "" {
		l.Add("description", "%s", msg)
	}
	return l
}

func (s *Store) describeRole(ctx context.Context, tx *gorm.DB, by Actor, project Project, id string, version int, name, description string) (roleRow, error) {
	before, err := s.roleAt(ctx, tx, project, id, version)
	if err != nil {
		return before, err
	}
	l := roleProblems(before.Name, description)
	if name != before.Name {
		l.Add("name", "The name stays %s: it is in tokens and policies. Create another role instead.", before.Name)
	}
	if err := l.Err(); err != nil {
		return before, err
	}
	row := before
	row.Description, row.Stamp = description, before.Stamp.next(by, s.now())
	n, err := from[roleRow](tx).Where("id = ? and version = ?", id, version).
		Select("description", "version", "updated_at", "updated_by").Updates(ctx, row)
	if err != nil {
		return row, err
	}
	if n == 0 {
		return row, ErrStale
	}
	return row, s.recordRole(ctx, tx, by, ActionUpdated, project, &before, &row)
}

// roleAt is a role as it was read at version, or the *StaleError that shows
// what it has become.
func (s *Store) roleAt(ctx context.Context, tx *gorm.DB, project Project, id string, version int) (roleRow, error) {
	if !isID(id) {
		return roleRow{}, ErrNotFound
	}
	row, err := found(from[roleRow](tx).Where("id = ? and project_id = ?", id, project.ID).Take(ctx))
	if isNotFound(err) {
		return row, s.missing(ctx, KindRole, id)
	}
	if err != nil || row.Stamp.Version == version {
		return row, err
	}
	r := row.role()
	return row, &StaleError{Kind: KindRole, Name: r.Name, Version: r.Version, Current: r, By: r.UpdatedBy, At: r.UpdatedAt}
}

// DeleteRole removes a role as it was read at version. One that a credential
// has or a policy asks for is refused, with what uses it.
func (s *Store) DeleteRole(ctx context.Context, by Actor, projectID, id string, version int) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		row, err := s.roleAt(ctx, tx, project, id, version)
		if err != nil {
			return err
		}
		u, err := roleUse(ctx, tx, id)
		if err != nil {
			return err
		}
		if msg := u.refusal(row.Name); msg != "" {
			return problem.List{{Field: "name", Message: msg}}
		}
		if _, err := from[roleRow](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return err
		}
		return s.recordRole(ctx, tx, by, ActionDeleted, project, &row, nil)
	})
	if err != nil {
		return fmt.Errorf("delete role: %w", err)
	}
	return nil
}

// refusal says what keeps a role from being deleted, or "".
func (u RoleUsage) refusal(name string) string {
	var users []string
	if u.Credentials > 0 {
		names := strings.Join(u.CredentialNames, ", ")
		if more := u.Credentials - len(u.CredentialNames); more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		users = append(users, "by credentials: "+names)
	}
	if len(u.Policies) > 0 {
		users = append(users, "by policies: "+strings.Join(u.Policies, ", "))
	}
	if len(users) == 0 {
		return ""
	}
	return fmt.Sprintf("%s is used %s. Take it away from them first.", name, strings.Join(users, "; "))
}

// roleRecord is a role in the audit.
type roleRecord struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

func (s *Store) recordRole(ctx context.Context, tx *gorm.DB, by Actor, action string, project Project, before, after *roleRow) error {
	f := fact{action: action, kind: KindRole, project: project.Name}
	if before != nil {
		f.id, f.name, f.before = before.ID, before.Name, roleRecord{before.Name, before.Description}
	}
	if after != nil {
		f.id, f.name, f.after = after.ID, after.Name, roleRecord{after.Name, after.Description}
	}
	return s.record(ctx, tx, by, f)
}
