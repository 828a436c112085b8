package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// Scope says of which projects somebody sees what was logged. The zero one is of
// none: who forgets to say sees nothing.
type Scope struct {
	all      bool
	projects []string
}

// Everywhere sees all projects, and what belongs to none.
var Everywhere = Scope{all: true}

// OnlyIn sees what was logged of the projects of these names.
func OnlyIn(projects ...string) Scope { return Scope{projects: projects} }

// Empty tells that nothing is seen.
func (s Scope) Empty() bool { return !s.all && len(s.projects) == 0 }

// All tells that everything is seen.
func (s Scope) All() bool { return s.all }

// Has tells whether records of a project are seen; "" is what belongs to none.
func (s Scope) Has(project string) bool { return s.all || slices.Contains(s.projects, project) }

// in narrows a query to the scope; column is that of the project's name.
func (w *where) in(column string, s Scope) {
	switch {
	case s.all:
	case len(s.projects) == 0:
		w.and("false")
	case len(s.projects) == 1: // an index answers it in the order of the log
		w.and(column+" = ?", s.projects[0])
	default:
		w.and(column+" in ?", s.projects)
	}
}

// Memberships are what the roles of projects allow a user, by the names of the
// projects.
func (s *Store) Memberships(ctx context.Context, userID string) (map[string]Permissions, error) {
	if !isID(userID) {
		return nil, nil
	}
	type line struct {
		Name        string
		Permissions document
	}
	lines, err := query[line](ctx, s.db, `select p.name, r.permissions from project_member_roles m
		join roles r on r.id = m.role_id join projects p on p.id = m.project_id where m.user_id = ?`, userID)
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	all := map[string]Permissions{}
	for _, l := range lines {
		var some Permissions
		if err := json.Unmarshal(l.Permissions, &some); err != nil {
			return nil, fmt.Errorf("read permissions of a role: %w", err)
		}
		all[l.Name] = append(all[l.Name], some...)
	}
	return all, nil
}
