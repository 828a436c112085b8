package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// GroupCount is how many policies a policy group holds, and in how many places
// it is bound.
type GroupCount struct{ Policies, Places int }

// GroupCounts counts for many policy groups at once.
func (s *Store) GroupCounts(ctx context.Context, ids []string) (map[string]GroupCount, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	type line struct {
		ID string
		GroupCount
	}
	lines, err := query[line](ctx, s.db, `select x.id, (select count(*) from policy_bindings b where b.owner_id = x.id) as policies,
			(select count(*) from policy_bindings b where b.group_id = x.id) as places
		from owners x where x.id in ?`, ids)
	if err != nil {
		return nil, fmt.Errorf("count uses of policy groups: %w", err)
	}
	counts := make(map[string]GroupCount, len(lines))
	for _, l := range lines {
		counts[l.ID] = l.GroupCount
	}
	return counts, nil
}

// PolicyGroupUsage lists where a policy group is bound, by owner and in running
// order.
func (s *Store) PolicyGroupUsage(ctx context.Context, groupID string) ([]Usage, error) {
	return s.FirstPolicyGroupUsage(ctx, groupID, 0)
}

// FirstPolicyGroupUsage lists the first of these, so many at most.
func (s *Store) FirstPolicyGroupUsage(ctx context.Context, groupID string, most int) ([]Usage, error) {
	if !isID(groupID) {
		return nil, nil
	}
	var list []Usage
	err := s.look(ctx, func(tx *gorm.DB) (err error) {
		list, err = usage(ctx, tx, groupID, most)
		return err
	})
	return list, err
}
