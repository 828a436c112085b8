package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// SetLaneActive switches the local policies of a lane on or off, all in one
// transaction, and returns the names of what changed in running order. With
// includeShared it does the same to its global policies and policy groups, in
// every other place too. The version is the owner's. Nothing that is deployed
// changes. A lane in which nothing is left to switch is a problem.List.
func (s *Store) SetLaneActive(ctx context.Context, by Actor, projectID, ownerID string, version int, pipeline policy.Pipeline, endpointID string, active, includeShared bool) ([]string, error) {
	var names []string
	_, err := s.editLanes(ctx, by, projectID, ownerID, version, func(tx *gorm.DB, project Project, o Owner) error {
		names = nil // the transaction may run again
		w := o.Switching(pipeline, endpointID, active)
		if includeShared {
			w = append(w, o.SwitchingShared(pipeline, endpointID, active)...)
		}
		if len(w) == 0 {
			return problem.List{{Message: "There is nothing to switch: " + already(active)}}
		}
		for _, b := range w {
			names = append(names, b.Name())
		}
		// Everybody takes the rows in one order, so that two cannot lock each other.
		slices.SortFunc(w, func(a, b Binding) int { return cmp.Compare(a.switchID(), b.switchID()) })
		for _, b := range w {
			if err := s.switchBound(ctx, tx, by, project, b, active); err != nil {
				return fmt.Errorf("switch %s: %w", b.Name(), err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("switch lane: %w", err)
	}
	return names, nil
}

func already(active bool) string {
	if active {
		return "every policy that you chose is active."
	}
	return "every policy that you chose is passive."
}

// Switching are the local policies of a lane that switching it to active would
// change.
func (o *Owner) Switching(pipeline policy.Pipeline, endpointID string, active bool) []Binding {
	return o.switching(pipeline, endpointID, active, false)
}

// SwitchingShared are the global policies and policy groups of a lane that
// switching it to active would change, each once.
func (o *Owner) SwitchingShared(pipeline policy.Pipeline, endpointID string, active bool) []Binding {
	return o.switching(pipeline, endpointID, active, true)
}

func (o *Owner) switching(pipeline policy.Pipeline, endpointID string, active, shared bool) []Binding {
	var list []Binding
	seen := make(map[string]bool)
	for _, b := range o.lane(pipeline, endpointID) {
		if b.Shared() == shared && b.Active() != active && !seen[b.switchID()] {
			seen[b.switchID()] = true
			list = append(list, b)
		}
	}
	return list
}

// Active is the switch of the policy or policy group.
func (b *Binding) Active() bool {
	if b.Group != nil {
		return b.Group.Active
	}
	return b.Policy.Active
}

// switchID is the id of what has the switch.
func (b *Binding) switchID() string {
	if b.Group != nil {
		return b.Group.ID
	}
	return b.Policy.ID
}

func (s *Store) switchBound(ctx context.Context, tx *gorm.DB, by Actor, project Project, b Binding, active bool) error {
	if b.Group != nil {
		g := *b.Group
		g.Active = active
		_, err := s.updateOwner(ctx, tx, by, project, g, asTheyAre)
		return err
	}
	_, err := s.switchPolicy(ctx, tx, by, project, b.Policy.ID, b.Policy.Version, active)
	return err
}
