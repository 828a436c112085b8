package models

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"
)

// PermissionsIn is what the roles of a project allow a user, nothing where the
// user is no member or there is no such project; its name is compared without
// case.
func (s *Store) PermissionsIn(ctx context.Context, userID, project string) (Permissions, error) {
	if !isID(userID) || !storable(project) {
		return nil, nil
	}
	rows, err := query[document](ctx, s.db, `select r.permissions from project_member_roles m join roles r on r.id = m.role_id
		where m.user_id = ? and m.project_id = (select id from projects where lower(name) = lower(?))`, userID, project)
	if err != nil {
		return nil, fmt.Errorf("read permissions: %w", err)
	}
	return joined(rows)
}

// ProjectsWith lists by name the projects in which the roles of a user allow
// something of the permission, any where it is "".
func (s *Store) ProjectsWith(ctx context.Context, userID string, p Permission) ([]Project, error) {
	if !isID(userID) {
		return nil, nil
	}
	type line struct {
		ID          string
		Permissions document
	}
	var list []Project
	err := s.look(ctx, func(tx *gorm.DB) error {
		lines, err := query[line](ctx, tx, `select m.project_id as id, r.permissions from project_member_roles m join roles r on r.id = m.role_id where m.user_id = ?`, userID)
		if err != nil {
			return fmt.Errorf("read memberships: %w", err)
		}
		in := map[string]bool{}
		for _, l := range lines {
			has, err := joined([]document{l.Permissions})
			if err != nil {
				return err
			}
			in[l.ID] = in[l.ID] || p == "" && len(has) > 0 || has.Has(p)
		}
		rows, err := from[projectRow](tx).Where("id in (select project_id from project_members where user_id = ?)", userID).Order("lower(name)").Find(ctx)
		if err != nil {
			return fmt.Errorf("list projects of user: %w", err)
		}
		for _, row := range rows {
			if in[row.ID] {
				list = append(list, row.project())
			}
		}
		return nil
	})
	return list, err
}

func joined(rows []document) (Permissions, error) {
	var all Permissions
	for _, raw := range rows {
		var some Permissions
		if err := json.Unmarshal(raw, &some); err != nil {
			return nil, fmt.Errorf("read permissions of a role: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}
