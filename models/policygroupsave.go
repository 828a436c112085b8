package models

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models/archive"
)

// GroupPolicy is a policy of a policy group: exactly one of the two.
type GroupPolicy struct {
	// Global is the name of a global policy.
	Global string
	Local  policy.Config
}

// SaveWholePolicyGroup is SavePolicyGroup together with the policies that the
// group has from then on, in that order and in one transaction. Local policies
// are matched by name and type and keep their ids; those that are not among the
// policies are deleted. Those that g.Bindings has were read with the group: a
// *StaleError when somebody has changed one since. Problems of a policy are of
// policies[i].global and below policies[i].policy.
func (s *Store) SaveWholePolicyGroup(ctx context.Context, by Actor, projectID string, g Owner, policies []GroupPolicy) (Owner, secret.Text, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Owner{}, secret.Text{}, err
	}
	var key keyPair
	if g.ID == "" {
		if key, err = newKeyPair(ctx); err != nil {
			return Owner{}, secret.Text{}, err
		}
	}
	g.Kind = engine.KindPolicyGroup
	var saved Owner
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		lanes := func(row ownerRow) error { return s.fillGroup(ctx, tx, by, project, row, g, policies) }
		if g.ID == "" {
			saved, err = s.createOwner(ctx, tx, by, project, g, key, lanes)
			return err
		}
		saved, err = s.updateOwner(ctx, tx, by, project, g, lanes)
		return err
	})
	if err != nil {
		return Owner{}, secret.Text{}, fmt.Errorf("save policy group: %w", nameRace(ownerRace(err, g.Kind)))
	}
	return saved, key.secret, nil
}

// fillGroup gives a policy group its policies, as an import does.
func (s *Store) fillGroup(ctx context.Context, tx *gorm.DB, by Actor, project Project, row ownerRow, read Owner, policies []GroupPolicy) error {
	for _, b := range read.Bindings {
		if b.Shared() {
			continue
		}
		if _, err := s.policyAt(ctx, tx, project, b.Policy.ID, b.Policy.Version); err != nil {
			return err
		}
	}
	there, err := globalsNamed(ctx, tx, project.ID, policies)
	if err != nil {
		return err
	}
	as := &archive.PolicyGroup{Pipeline: policy.Pipeline(row.Pipeline)}
	var l problem.List
	for n, p := range policies {
		if _, ok := there.find(archive.KindPolicy, p.Global); p.Local == nil && !ok {
			l.Add(fmt.Sprintf("policies[%d].global", n), "The project has no global policy %q.", truncated(p.Global, problem.MaxName))
		}
		slot := archive.Slot{Global: p.Global}
		if p.Local != nil {
			if slot.Policy, err = policy.Encode(p.Local); err != nil {
				return err
			}
		}
		as.Policies = append(as.Policies, slot)
	}
	if err := l.Err(); err != nil {
		return err
	}
	i := &incoming{exporter: &exporter{s: s, tx: tx, project: project, there: there}, by: by, needs: newNeeds()}
	return i.lanes(ctx, row, as)
}

// globalsNamed are those global policies of the project that the group names.
func globalsNamed(ctx context.Context, tx *gorm.DB, projectID string, policies []GroupPolicy) (inventory, error) {
	there := inventory{}
	var names []string
	for _, p := range policies {
		if p.Global != "" && storable(p.Global) {
			names = append(names, strings.ToLower(p.Global))
		}
	}
	if len(names) == 0 {
		return there, nil
	}
	rows, err := from[policyRow](tx).Where("project_id = ? and owner_id is null and lower(name) in ?", projectID, names).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for policies of the group: %w", err)
	}
	for _, r := range rows {
		there.put(archive.KindPolicy, stored{ID: r.ID, Name: r.Name, Detail: r.Type, Version: r.Stamp.Version})
	}
	return there, nil
}
