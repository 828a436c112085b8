package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
)

// KindProjectMember is what an audit record of a membership is about.
const KindProjectMember = "PROJECT_MEMBER"

// ProjectMember is a user with the roles that the user has in one project.
type ProjectMember struct {
	ProjectID, UserID  string
	UserName, FullName string
	// Roles are names of roles, in order.
	Roles []string
	Stamp
}

// AuditID is what the audit calls the membership.
func (m ProjectMember) AuditID() string { return memberID(m.ProjectID, m.UserID) }

type projectMemberRow struct {
	ProjectID string   `gorm:"primaryKey"`
	UserID    string   `gorm:"primaryKey"`
	Stamp     stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (projectMemberRow) TableName() string { return "project_members" }

// projectMemberRecord is a membership in the audit.
type projectMemberRecord struct {
	User  string   `json:"user"`
	Roles []string `json:"roles"`
}

// memberID is what the audit calls a membership.
func memberID(projectID, userID string) string { return projectID + "/" + userID }

const projectMemberLines = `select m.*, u.name as user_name, u.full_name, coalesce((select jsonb_agg(r.name order by lower(r.name))
		from project_member_roles x join roles r on r.id = x.role_id where x.project_id = m.project_id and x.user_id = m.user_id), '[]') as roles
	from project_members m join users u on u.id = m.user_id where m.project_id = ?`

type projectMemberLine struct {
	Row                projectMemberRow `gorm:"embedded"`
	UserName, FullName string
	Roles              document
}

func (l projectMemberLine) member() (ProjectMember, error) {
	m := ProjectMember{ProjectID: l.Row.ProjectID, UserID: l.Row.UserID, UserName: l.UserName, FullName: l.FullName, Stamp: l.Row.Stamp.stamp()}
	if err := json.Unmarshal(l.Roles, &m.Roles); err != nil {
		return m, fmt.Errorf("read roles of member: %w", err)
	}
	return m, nil
}

// ProjectMembers lists the members of a project by name.
func (s *Store) ProjectMembers(ctx context.Context, projectID string) ([]ProjectMember, error) {
	if !isID(projectID) {
		return nil, fmt.Errorf("list members: %w", ErrNotFound)
	}
	lines, err := query[projectMemberLine](ctx, s.db, projectMemberLines+" order by lower(u.name)", projectID)
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	list := make([]ProjectMember, len(lines))
	for i, l := range lines {
		if list[i], err = l.member(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ProjectMember is the membership of a user, by id, in a project.
func (s *Store) ProjectMember(ctx context.Context, projectID, userID string) (ProjectMember, error) {
	return projectMember(ctx, s.db, projectID, userID)
}

func projectMember(ctx context.Context, tx *gorm.DB, projectID, userID string) (ProjectMember, error) {
	if !isID(projectID) || !isID(userID) {
		return ProjectMember{}, fmt.Errorf("read member: %w", ErrNotFound)
	}
	lines, err := query[projectMemberLine](ctx, tx, projectMemberLines+" and m.user_id = ?", projectID, userID)
	if err == nil && len(lines) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return ProjectMember{}, fmt.Errorf("read member: %w", err)
	}
	return lines[0].member()
}

// SaveProjectMember gives a user, by UserID or else by UserName, roles in a
// project: a new member when Version is 0, else as the membership was read. May is
// what the caller may do in the project, as nobody can give, to themselves least of
// all, a role that allows more. Errors are a problem.List of the fields user and
// roles, a *StaleError and ErrNotFound.
func (s *Store) SaveProjectMember(ctx context.Context, by Actor, projectID string, m ProjectMember, may Permissions) (ProjectMember, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return ProjectMember{}, err
	}
	var saved ProjectMember
	err = s.write(ctx, func(tx *gorm.DB) error {
		user, err := memberUser(ctx, tx, m)
		if err != nil {
			return err
		}
		before, err := s.memberAt(ctx, tx, project.ID, user, m.Version)
		if err != nil {
			return err
		}
		ids, err := givenRoles(ctx, tx, before.Roles, m.Roles, may)
		if err != nil {
			return err
		}
		if err := s.writeMember(ctx, tx, by, project.ID, user.ID, before, ids); err != nil {
			return err
		}
		if saved, err = projectMember(ctx, tx, project.ID, user.ID); err != nil {
			return err
		}
		return s.recordMember(ctx, tx, by, project, before, saved)
	})
	if violated(err) == "project_members_pkey" {
		err = problem.List{{Field: "user", Message: memberAlready, Taken: true}}
	}
	if err != nil {
		return ProjectMember{}, fmt.Errorf("save member: %w", err)
	}
	return saved, nil
}

const memberAlready = "This user is a member already; change the roles there."

// memberUser is the user that a membership is for.
func memberUser(ctx context.Context, tx *gorm.DB, m ProjectMember) (userRow, error) {
	if m.UserID != "" {
		return userByID(ctx, tx, m.UserID)
	}
	row, err := userNamed(ctx, tx, m.UserName)
	if isNotFound(err) {
		return row, problem.List{{Field: "user", Message: "There is no user of this name."}}
	}
	return row, err
}

// memberAt is the membership as it was read at version, none at version 0.
func (s *Store) memberAt(ctx context.Context, tx *gorm.DB, projectID string, user userRow, version int) (ProjectMember, error) {
	m, err := projectMember(ctx, tx, projectID, user.ID)
	switch {
	case isNotFound(err) && version == 0:
		return ProjectMember{}, nil
	case isNotFound(err):
		return m, s.missing(ctx, KindProjectMember, memberID(projectID, user.ID))
	case err != nil || m.Version == version:
		return m, err
	case version == 0:
		return m, problem.List{{Field: "user", Message: memberAlready, Taken: true}}
	}
	return m, &StaleError{Kind: KindProjectMember, Name: m.UserName, Version: m.Version, Current: m, By: m.UpdatedBy, At: m.UpdatedAt}
}

// givenRoles are the ids of roles by name, when the caller may give those of them
// that the member does not have yet.
func givenRoles(ctx context.Context, tx *gorm.DB, had, names []string, may Permissions) ([]string, error) {
	if len(names) == 0 {
		return nil, problem.List{{Field: "roles", Message: "Choose at least one role."}}
	}
	rows, err := query[projectRoleRow](ctx, tx, "select * from roles order by lower(name)")
	if err != nil {
		return nil, fmt.Errorf("list roles of projects: %w", err)
	}
	var ids []string
	var l problem.List
	for _, name := range names {
		i := slices.IndexFunc(rows, func(r projectRoleRow) bool { return strings.EqualFold(r.Name, name) })
		if i < 0 {
			l.Add("roles", "There is no role %s.", truncated(name, maxSearch))
			continue
		}
		role, err := rows[i].role()
		if err != nil {
			return nil, err
		}
		if !slices.Contains(had, role.Name) && !may.Covers(role.Permissions) {
			l.Add("roles", "%s allows more than you may do in this project yourself.", role.Name)
		}
		ids = append(ids, role.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids), l.Err()
}

func (s *Store) writeMember(ctx context.Context, tx *gorm.DB, by Actor, projectID, userID string, before ProjectMember, roles []string) error {
	row := projectMemberRow{ProjectID: projectID, UserID: userID, Stamp: born(by, s.now())}
	if before.Version == 0 {
		if err := from[projectMemberRow](tx).Create(ctx, &row); err != nil {
			return err
		}
	} else if _, err := exec(ctx, tx, `update project_members set version = version + 1, updated_at = ?, updated_by = ?
			where project_id = ? and user_id = ?`, s.now(), by.Name, projectID, userID); err != nil {
		return err
	}
	if _, err := exec(ctx, tx, "delete from project_member_roles where project_id = ? and user_id = ?", projectID, userID); err != nil {
		return err
	}
	for _, role := range roles {
		if _, err := exec(ctx, tx, "insert into project_member_roles (project_id, user_id, role_id) values (?, ?, ?)", projectID, userID, role); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) recordMember(ctx context.Context, tx *gorm.DB, by Actor, project Project, before, after ProjectMember) error {
	f := fact{action: ActionUpdated, kind: KindProjectMember, project: project.Name}
	if after.Version > 0 {
		f.id, f.name, f.after = memberID(project.ID, after.UserID), after.UserName, projectMemberRecord{after.UserName, after.Roles}
	} else {
		f.action = ActionDeleted
	}
	if before.Version > 0 {
		f.id, f.name, f.before = memberID(project.ID, before.UserID), before.UserName, projectMemberRecord{before.UserName, before.Roles}
	} else {
		f.action = ActionCreated
	}
	return s.record(ctx, tx, by, f)
}

// RemoveProjectMember ends a membership as it was read at version; its roles are
// worth nothing from then on. Errors are a *StaleError and ErrNotFound.
func (s *Store) RemoveProjectMember(ctx context.Context, by Actor, projectID, userID string, version int) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		user, err := userByID(ctx, tx, userID)
		if err != nil {
			return err
		}
		before, err := s.memberAt(ctx, tx, project.ID, user, max(version, 1)) // none at all is not found
		if err != nil {
			return err
		}
		if _, err := from[projectMemberRow](tx).Where("project_id = ? and user_id = ?", project.ID, user.ID).Delete(ctx); err != nil {
			return err
		}
		return s.recordMember(ctx, tx, by, project, before, ProjectMember{})
	})
	if err != nil {
		return fmt.Errorf("remove member: %w", err)
	}
	return nil
}
