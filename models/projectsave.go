package models

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

const (
	projectsByName = "projects_name"
	projectTaken   = "The name is taken by another project; choose another one."
)

// CreateProject makes a project. Problems are of the fields name and description.
func (s *Store) CreateProject(ctx context.Context, by Actor, name, description string) (Project, error) {
	check := policy.Common{Name: name, Description: description}
	if err := check.Validate().Err(); err != nil {
		return Project{}, err
	}
	err := s.write(ctx, func(tx *gorm.DB) error {
		created, err := s.ensureProject(ctx, tx, by, name, description)
		if err == nil && !created {
			return problem.List{{Field: "name", Message: projectTaken, Taken: true}}
		}
		return err
	})
	if err != nil {
		return Project{}, fmt.Errorf("create project %s: %w", name, err)
	}
	return s.Project(ctx, name)
}

// SaveProject writes the description of a project as it was read at version. The
// name stays: logs, tokens and records of the audit carry it. Errors are a
// problem.List, a *StaleError and ErrNotFound.
func (s *Store) SaveProject(ctx context.Context, by Actor, p Project) (Project, error) {
	var saved projectRow
	err := s.write(ctx, func(tx *gorm.DB) error {
		before, err := s.projectAt(ctx, tx, p.ID, p.Version)
		if err != nil {
			return err
		}
		if err := p.problems(before.Name).Err(); err != nil {
			return err
		}
		saved = before
		saved.Description, saved.Stamp = p.Description, before.Stamp.next(by, s.now())
		if _, err := from[projectRow](tx).Where("id = ?", saved.ID).
			Select("description", "version", "updated_at", "updated_by").Updates(ctx, saved); err != nil {
			return err
		}
		return s.record(ctx, tx, by, fact{
			action: ActionUpdated, kind: KindProject, id: saved.ID, name: saved.Name, project: saved.Name,
			before: projectRecord{before.Name, before.Description}, after: projectRecord{saved.Name, saved.Description},
		})
	})
	if err != nil {
		return Project{}, fmt.Errorf("save project: %w", err)
	}
	return saved.project(), nil
}

func (p Project) problems(name string) problem.List {
	var l problem.List
	if p.Name != "" && p.Name != name {
		l.Add("name", "The name stays %s: logs, tokens and the audit carry it.", name)
	}
	if msg := problem.Description(p.Description); msg != "" {
		l.Add("description", "%s", msg)
	}
	return l
}

// projectAt is a project as it was read at version, or the *StaleError that shows
// what it has become.
func (s *Store) projectAt(ctx context.Context, tx *gorm.DB, id string, version int) (projectRow, error) {
	if !isID(id) {
		return projectRow{}, ErrNotFound
	}
	row, err := found(from[projectRow](tx).Where("id = ?", id).Take(ctx))
	if isNotFound(err) {
		return row, s.missing(ctx, KindProject, id)
	}
	if err != nil || row.Stamp.Version == version {
		return row, err
	}
	p := row.project()
	return row, &StaleError{Kind: KindProject, Name: p.Name, Version: p.Version, Current: p, By: p.UpdatedBy, At: p.UpdatedAt}
}

// ProjectUse counts what a project has.
type ProjectUse struct {
	Proxies, ProxyGroups, PolicyGroups, Deployed    int
	Policies, IdentitySources, Credentials, Members int
}

// ProjectUse counts what a project has.
func (s *Store) ProjectUse(ctx context.Context, id string) (ProjectUse, error) {
	if !isID(id) {
		return ProjectUse{}, fmt.Errorf("count use of project: %w", ErrNotFound)
	}
	return projectUse(ctx, s.db, id)
}

func projectUse(ctx context.Context, tx *gorm.DB, id string) (ProjectUse, error) {
	rows, err := query[ProjectUse](ctx, tx, `select
		(select count(*) from owners where project_id = p.id and kind = 'PROXY') as proxies,
		(select count(*) from owners where project_id = p.id and kind = 'PROXY_GROUP') as proxy_groups,
		(select count(*) from owners where project_id = p.id and kind = 'POLICY_GROUP') as policy_groups,
		(select count(*) from deployments d join owners o on o.id = d.owner_id where o.project_id = p.id) as deployed,
		(select count(*) from policies where project_id = p.id) as policies,
		(select count(*) from identity_sources where project_id = p.id) as identity_sources,
		(select count(*) from credentials where project_id = p.id) as credentials,
		(select count(*) from project_members where project_id = p.id) as members
		from projects p where p.id = ?`, id)
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return ProjectUse{}, fmt.Errorf("count use of project: %w", err)
	}
	return rows[0], nil
}

// Kept says what keeps a project from being deleted, "" when nothing does.
func (u ProjectUse) Kept() string {
	var has []string
	for _, part := range []struct {
		n         int
		one, many string
	}{
		{u.Proxies, "API proxy", "API proxies"}, {u.ProxyGroups, "API proxy group", "API proxy groups"},
		{u.PolicyGroups, "policy group", "policy groups"},
	} {
		switch {
		case part.n == 1:
			has = append(has, "1 "+part.one)
		case part.n > 1:
			has = append(has, fmt.Sprintf("%d %s", part.n, part.many))
		}
	}
	if len(has) == 0 {
		return ""
	}
	deployed := ""
	if u.Deployed > 0 {
		deployed = ", and some of it is deployed"
	}
	return "The project has " + strings.Join(has, ", ") + deployed + ". Delete them first."
}

// DeleteProject removes a project as it was read at version, with its policies,
// identity sources, credentials, variables and memberships. While it has proxies or
// groups it is a problem.List that says so: nothing that answers calls disappears
// by the way.
func (s *Store) DeleteProject(ctx context.Context, by Actor, id string, version int) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		// First, as deploys do too: of both one waits and starts afresh.
		if err := raiseAll(ctx, tx); err != nil {
			return err
		}
		row, err := s.projectAt(ctx, tx, id, version)
		if err != nil {
			return err
		}
		u, err := projectUse(ctx, tx, id)
		if err != nil {
			return err
		}
		if kept := u.Kept(); kept != "" {
			return problem.List{{Field: "name", Message: kept}}
		}
		// First, as roles that somebody has cannot be deleted.
		if _, err := from[credentialRow](tx).Where("project_id = ?", id).Delete(ctx); err != nil {
			return err
		}
		if _, err := from[projectRow](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return err
		}
		return s.record(ctx, tx, by, fact{
			action: ActionDeleted, kind: KindProject, id: id, name: row.Name, project: row.Name, before: projectRecord{row.Name, row.Description},
		})
	})
	if err != nil {
		return fmt.Errorf("delete project: %w", err)
	}
	return nil
}
