package models

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// BoundChange is what becomes of a policy in a lane: its settings, its place, or
// both, in one step.
type BoundChange struct {
	// Config is the new configuration of a local policy, nil to leave it. A global
	// one is edited where it is at home.
	Config policy.Config
	// PolicyVersion is the one that the policy was read at.
	PolicyVersion int
	Scope         policy.Scope
	EndpointID    string
	Pipeline      policy.Pipeline
	// Position counts from 1; 0 keeps the place, or takes the end of another lane.
	Position int
}

// ChangeBound changes a policy where it is bound, and where it is bound. The
// version is the owner's. Problems are those of AddBinding and of SavePolicy.
func (s *Store) ChangeBound(ctx context.Context, by Actor, projectID, ownerID string, version int, bindingID string, c BoundChange) (Owner, error) {
	after, err := s.editLanes(ctx, by, projectID, ownerID, version, func(tx *gorm.DB, project Project, o Owner) error {
		b, err := o.binding(bindingID)
		if err != nil {
			return err
		}
		if c.Config != nil {
			if b.Shared() {
				return problem.List{{Message: fmt.Sprintf("%s is shared with others; change it where it is at home, or localize it first.", b.Name())}}
			}
			keep := func(*policyRow) (policy.Config, error) { return c.Config, nil }
			if _, err := s.updatePolicy(ctx, tx, by, project, b.Policy.ID, c.PolicyVersion, keep); err != nil {
				return err
			}
			b.Policy.Config = c.Config
		}
		return s.rebind(ctx, tx, project, o, b, c)
	})
	if err != nil {
		return Owner{}, fmt.Errorf("change bound policy: %w", nameRace(err))
	}
	return after, nil
}

// rebind moves a binding to the lane and the position that a change asks for.
func (s *Store) rebind(ctx context.Context, tx *gorm.DB, project Project, o Owner, b Binding, c BoundChange) error {
	to := NewBinding{Scope: c.Scope, EndpointID: c.EndpointID, Pipeline: c.Pipeline, Position: c.Position, Local: b.Policy.Config}
	l := to.place(o)
	if b.Group != nil {
		to.Local, to.GroupID = nil, b.Group.ID
		if b.Pipeline != c.Pipeline || b.EndpointID != c.EndpointID {
			if err := checkGroup(ctx, tx, project, o, to, &l); err != nil {
				return err
			}
		}
	} else if err := s.checkPolicy(ctx, tx, project, o, to, &l); err != nil {
		return err
	}
	if err := l.Err(); err != nil {
		return err
	}
	lane := o.lane(c.Pipeline, c.EndpointID)
	if b.Pipeline == c.Pipeline && b.EndpointID == c.EndpointID {
		if c.Position == 0 {
			return nil
		}
		lane = slices.Delete(lane, b.Position-1, b.Position)
	}
	at := len(lane)
	if c.Position > 0 {
		at = min(c.Position-1, at)
	}
	if _, err := exec(ctx, tx, "update policy_bindings set scope = ?, endpoint_id = ?, pipeline = ? where id = ?",
		string(c.Scope), orNil(c.EndpointID), string(c.Pipeline), b.ID); err != nil {
		return err
	}
	if err := number(ctx, tx, slices.Insert(lane, at, b)); err != nil {
		return err
	}
	return closeLanes(ctx, tx, []string{o.ID})
}

// RemoveBound takes several bindings out of the lanes of an owner in one step, as
// RemoveBinding does with one.
func (s *Store) RemoveBound(ctx context.Context, by Actor, projectID, ownerID string, version int, bindingIDs []string) (Owner, error) {
	after, err := s.editLanes(ctx, by, projectID, ownerID, version, func(tx *gorm.DB, project Project, o Owner) error {
		for _, id := range bindingIDs {
			b, err := o.binding(id)
			if err != nil {
				return err
			}
			if err := s.unbind(ctx, tx, by, project, b); err != nil {
				return err
			}
		}
		return closeLanes(ctx, tx, []string{o.ID})
	})
	if err != nil {
		return Owner{}, fmt.Errorf("remove policy: %w", err)
	}
	return after, nil
}

// unbind takes a binding out; a local policy goes with it.
func (s *Store) unbind(ctx context.Context, tx *gorm.DB, by Actor, project Project, b Binding) error {
	if _, err := from[bindingRow](tx).Where("id = ?", b.ID).Delete(ctx); err != nil || b.Shared() {
		return err
	}
	row, err := policyByID(ctx, tx, project.ID, b.Policy.ID)
	if err != nil {
		return err
	}
	return s.dropLocal(ctx, tx, by, project, row)
}
