package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
)

// Localize puts a copy of a global policy in its place in one lane: a local
// policy with an id of its own, called name, that is edited without touching any
// other place. The global one stays as it is. The version is the owner's.
func (s *Store) Localize(ctx context.Context, by Actor, projectID, ownerID string, version int, bindingID, name string) (Binding, error) {
	after, err := s.editLanes(ctx, by, projectID, ownerID, version, func(tx *gorm.DB, project Project, p Owner) error {
		b, err := p.binding(bindingID)
		if err != nil {
			return err
		}
		switch {
		case b.Group != nil:
			return problem.List{{Message: fmt.Sprintf("%s is a policy group; localize a policy inside of it.", b.Group.Name)}}
		case !b.Policy.Global():
			return problem.List{{Message: fmt.Sprintf("%s is local already.", b.Policy.Name)}}
		}
		b.Policy.Config.Base().Name = name
		local, err := s.createPolicy(ctx, tx, by, project, &p.ID, b.Policy.Config)
		if err != nil {
			return err
		}
		_, err = exec(ctx, tx, "update policy_bindings set policy_id = ? where id = ?", local.ID, b.ID)
		return err
	})
	if err != nil {
		return Binding{}, fmt.Errorf("localize policy: %w", nameRace(err))
	}
	return after.binding(bindingID)
}

// Globalize makes the local policy of one place a global one called name, which
// other proxies can use too. It keeps its id and its place. The version is the
// owner's.
func (s *Store) Globalize(ctx context.Context, by Actor, projectID, ownerID string, version int, bindingID, name string) (Binding, error) {
	after, err := s.editLanes(ctx, by, projectID, ownerID, version, func(tx *gorm.DB, project Project, p Owner) error {
		b, err := p.binding(bindingID)
		if err != nil {
			return err
		}
		if b.Shared() {
			return problem.List{{Message: fmt.Sprintf("%s is global already.", b.Name())}}
		}
		return s.globalize(ctx, tx, by, project, b.Policy, name)
	})
	if err != nil {
		return Binding{}, fmt.Errorf("make policy global: %w", nameRace(err))
	}
	return after.binding(bindingID)
}

func (s *Store) globalize(ctx context.Context, tx *gorm.DB, by Actor, project Project, p Policy, name string) error {
	before, err := policyByID(ctx, tx, project.ID, p.ID)
	if err != nil {
		return err
	}
	row := before
	row.OwnerID = nil
	p.Config.Base().Name = name
	if err := s.author(ctx, tx, &row, p.Config); err != nil {
		return err
	}
	row.Stamp = before.Stamp.next(by, s.now())
	if _, err := exec(ctx, tx, `update policies set owner_id = null, name = ?, config = ?::jsonb, version = ?, updated_at = ?, updated_by = ? where id = ?`,
		row.Name, row.Config, row.Stamp.Version, row.Stamp.UpdatedAt, row.Stamp.UpdatedBy, row.ID); err != nil {
		return err
	}
	return s.recordPolicy(ctx, tx, by, ActionUpdated, project, &before, &row)
}
