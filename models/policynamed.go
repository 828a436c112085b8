package models

import (
	"context"
	"fmt"
)

// GlobalPolicy finds a global policy by its name alone, compared without case: a
// name is one policy's in a project, whatever the type (D17).
func (s *Store) GlobalPolicy(ctx context.Context, projectID, name string) (Policy, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Policy{}, err
	}
	if !storable(name) {
		return Policy{}, fmt.Errorf("read policy: %w", ErrNotFound)
	}
	row, err := found(from[policyRow](s.db).Where("project_id = ? and owner_id is null and lower(name) = lower(?)", project.ID, name).Take(ctx))
	if err != nil {
		return Policy{}, fmt.Errorf("read policy: %w", err)
	}
	return s.onePolicy(ctx, s.db, project.Name, row)
}
