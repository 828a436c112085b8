package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// NewBinding is what is to be bound, and where: a global policy or a policy group
// by its id, or a new local policy. Without a position it goes to the end of its
// lane, a policy group before the first one of a higher rank.
type NewBinding struct {
	Scope policy.Scope
	// EndpointID is needed where Scope is ENDPOINT, and only there.
	EndpointID string
	Pipeline   policy.Pipeline
	// Position counts from 1; 0 and what is beyond the lane mean its end.
	Position int
	// PolicyID is that of a global policy, GroupID that of a policy group; exactly
	// one of them and Local is set.
	PolicyID, GroupID string
	// Local is a policy of the owner's own. Without a name it gets a UUID for
	// one.
	Local policy.Config
	// AsGlobal makes a global policy of Local, which has to have a name then.
	AsGlobal bool
}

// AddBinding binds a policy or a policy group in a lane. The version is the
// owner's. Problems are of the fields scope, endpointId, pipeline, policyId and
// groupId, and those of a local policy under its own field names.
func (s *Store) AddBinding(ctx context.Context, by Actor, projectID, ownerID string, version int, b NewBinding) (Binding, error) {
	if b.Local != nil && !b.AsGlobal && b.Local.Base().Name == "" {
		b.Local.Base().Name = uuid.NewString()
	}
	var row bindingRow
	after, err := s.editLanes(ctx, by, projectID, ownerID, version, func(tx *gorm.DB, project Project, o Owner) (err error) {
		row, err = s.bind(ctx, tx, by, project, o, b)
		return err
	})
	if err != nil {
		return Binding{}, fmt.Errorf("bind policy: %w", nameRace(err))
	}
	return after.binding(row.ID)
}

// editLanes runs edit on an owner that is still at version and gives it the
// next one.
func (s *Store) editLanes(ctx context.Context, by Actor, projectID, ownerID string, version int, edit func(*gorm.DB, Project, Owner) error) (after Owner, err error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Owner{}, err
	}
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		after, err = s.editOwner(ctx, tx, by, project, ownerID, version, edit)
		return err
	})
	return after, err
}

// editOwner is editLanes inside a transaction.
func (s *Store) editOwner(ctx context.Context, tx *gorm.DB, by Actor, project Project, ownerID string, version int, edit func(*gorm.DB, Project, Owner) error) (Owner, error) {
	before, row, err := s.ownerAt(ctx, tx, project, ownerID, version)
	if err != nil {
		return Owner{}, err
	}
	if err := s.bumpOwner(ctx, tx, by, &row); err != nil {
		return Owner{}, err
	}
	if err := edit(tx, project, before); err != nil {
		return Owner{}, err
	}
	return s.changedOwner(ctx, tx, by, ActionUpdated, project, before)
}

func (s *Store) bind(ctx context.Context, tx *gorm.DB, by Actor, project Project, o Owner, b NewBinding) (bindingRow, error) {
	row := bindingRow{ID: newID(), OwnerID: o.ID, Scope: string(b.Scope), EndpointID: orNil(b.EndpointID), Pipeline: string(b.Pipeline)}
	if err := s.checkBinding(ctx, tx, project, o, b); err != nil {
		return row, err
	}
	lane := o.lane(b.Pipeline, b.EndpointID)
	row.Position = len(lane) + 1
	row.PolicyID, row.GroupID = orNil(b.PolicyID), orNil(b.GroupID)
	if b.Local != nil {
		owner := &o.ID
		if b.AsGlobal {
			owner = nil
		}
		made, err := s.createPolicy(ctx, tx, by, project, owner, b.Local)
		if err != nil {
			return row, err
		}
		row.PolicyID = &made.ID
	}
	if err := from[bindingRow](tx).Create(ctx, &row); err != nil {
		return row, err
	}
	if b.Position > 0 {
		return row, number(ctx, tx, slices.Insert(lane, min(b.Position-1, len(lane)), Binding{ID: row.ID}))
	}
	if b.GroupID == "" {
		return row, nil
	}
	return row, byRank(ctx, tx, row, lane)
}

// checkBinding says what keeps a policy or a policy group from being bound, as a
// problem.List.
func (s *Store) checkBinding(ctx context.Context, tx *gorm.DB, project Project, o Owner, b NewBinding) error {
	l := b.place(o)
	check := s.checkPolicy
	if b.GroupID != "" {
		check = checkGroup
	}
	if err := check(ctx, tx, project, o, b, &l); err != nil {
		return err
	}
	return l.Err()
}

// byRank moves a policy group that stands at the end of a lane before the first
// one of a higher rank.
func byRank(ctx context.Context, tx *gorm.DB, row bindingRow, lane []Binding) error {
	ranks, err := query[int](ctx, tx, "select rank from owners where id = ?", row.GroupID)
	if err != nil {
		return fmt.Errorf("read rank: %w", err)
	}
	i := slices.IndexFunc(lane, func(b Binding) bool { return b.Group != nil && b.Group.Rank > ranks[0] })
	if i < 0 {
		return nil
	}
	return number(ctx, tx, slices.Insert(lane, i, Binding{ID: row.ID}))
}

var pipelines = []policy.Pipeline{policy.Request, policy.Response, policy.Error}

// place reports what is wrong with where the policy is to go.
func (b NewBinding) place(o Owner) problem.List {
	var l problem.List
	switch {
	case b.Scope != policy.All && b.Scope != policy.Endpoint:
		l.Add("scope", "Choose ALL or ENDPOINT.")
	case b.Scope == policy.Endpoint && o.Kind != engine.KindProxy:
		l.Add("scope", "Choose ALL: a %s has no endpoints.", kindWord(o.Kind))
	case b.Scope == policy.All && b.EndpointID != "":
		l.Add("endpointId", "Leave out the endpoint: the scope ALL covers every one.")
	case b.Scope == policy.Endpoint && !slices.ContainsFunc(o.Endpoints, func(e Endpoint) bool { return e.ID == b.EndpointID }):
		l.Add("endpointId", "Choose an endpoint of the proxy.")
	}
	if b.Position < 0 {
		l.Add("position", "Count from 1.")
	}
	switch {
	case !slices.Contains(pipelines, b.Pipeline):
		l.Add("pipeline", "Choose REQUEST, RESPONSE or ERROR.")
	case o.Kind == engine.KindPolicyGroup && b.Pipeline != o.Pipeline:
		l.Add("pipeline", "Choose %s: the policy group is for that pipeline.", o.Pipeline)
	}
	return l
}

// checkPolicy adds to l what keeps a policy from being bound.
func (s *Store) checkPolicy(ctx context.Context, tx *gorm.DB, project Project, _ Owner, b NewBinding, l *problem.List) error {
	if (b.PolicyID == "") == (b.Local == nil) {
		l.Add("policyId", "Choose a global policy or write a local one.")
		return nil
	}
	config := b.Local
	if config == nil {
		row, err := policyByID(ctx, tx, project.ID, b.PolicyID)
		if isNotFound(err) || err == nil && !row.global() {
			l.Add("policyId", "The policy is gone; choose another one.")
			return nil
		}
		if err != nil {
			return err
		}
		global, err := s.policy(row, project.Name, 0)
		if err != nil {
			return err
		}
		config = global.Config
	}
	t, ok := s.types.Find(config.Base().Type)
	if !ok || !slices.Contains(pipelines, b.Pipeline) {
		return nil
	}
	for _, p := range policy.Misplaced(t, config, b.Pipeline) {
		if b.Local == nil && p.Field != "pipeline" { // its fields are on another page
			p = problem.Problem{Field: "policyId", Message: fmt.Sprintf("Change %s first, or bind another policy. %s", config.Base().Name, p.Message)}
		}
		*l = append(*l, p)
	}
	return nil
}

// checkGroup adds to l what keeps a policy group from being bound.
func checkGroup(ctx context.Context, tx *gorm.DB, project Project, o Owner, b NewBinding, l *problem.List) error {
	if b.PolicyID != "" || b.Local != nil {
		l.Add("groupId", "Choose a policy group or a policy, not both.")
		return nil
	}
	if o.Kind == engine.KindPolicyGroup {
		l.Add("groupId", "A policy group holds policies only, no other policy groups.")
		return nil
	}
	row, err := ownerByID(ctx, tx, project.ID, b.GroupID)
	switch {
	case isNotFound(err) || err == nil && row.Kind != engine.KindPolicyGroup:
		l.Add("groupId", "The policy group is gone; choose another one.")
		return nil
	case err != nil:
		return err
	case row.Pipeline != string(b.Pipeline):
		l.Add("pipeline", "The policy group %q is for the pipeline %s.", row.Name, row.Pipeline)
	case slices.ContainsFunc(o.lane(b.Pipeline, b.EndpointID), func(x Binding) bool { return x.Group != nil && x.Group.ID == row.ID }):
		l.Add("groupId", "The policy group %q is in this lane already.", row.Name)
	}
	return nil
}

// lane is the bindings of one lane in running order.
func (p *Owner) lane(pipeline policy.Pipeline, endpointID string) []Binding {
	var lane []Binding
	for _, b := range p.Bindings {
		if b.Pipeline == pipeline && b.EndpointID == endpointID {
			lane = append(lane, b)
		}
	}
	return lane
}

func (p *Owner) binding(id string) (Binding, error) {
	i := slices.IndexFunc(p.Bindings, func(b Binding) bool { return b.ID == id })
	if i < 0 {
		return Binding{}, fmt.Errorf("read binding: %w", ErrNotFound)
	}
	return p.Bindings[i], nil
}

// MoveBinding moves a binding to a position of its lane, from 1. The version
// is the owner's.
func (s *Store) MoveBinding(ctx context.Context, by Actor, projectID, ownerID string, version int, bindingID string, position int) error {
	_, err := s.editLanes(ctx, by, projectID, ownerID, version, func(tx *gorm.DB, _ Project, p Owner) error {
		b, err := p.binding(bindingID)
		if err != nil {
			return err
		}
		lane := p.lane(b.Pipeline, b.EndpointID)
		if position < 1 || position > len(lane) {
			return problem.List{{Field: "position", Message: fmt.Sprintf("Choose a position from 1 to %d.", len(lane))}}
		}
		lane = slices.Delete(lane, b.Position-1, b.Position)
		return number(ctx, tx, slices.Insert(lane, position-1, b))
	})
	if err != nil {
		return fmt.Errorf("move policy: %w", err)
	}
	return nil
}

// OrderBindings gives lanes of a pipeline a new order. The ids name every
// binding of each lane that they touch, and nothing else. The version is the
// owner's.
func (s *Store) OrderBindings(ctx context.Context, by Actor, projectID, ownerID string, version int, pipeline policy.Pipeline, ids []string) error {
	_, err := s.editLanes(ctx, by, projectID, ownerID, version, func(tx *gorm.DB, _ Project, p Owner) error {
		lanes, err := p.reordered(pipeline, ids)
		if err != nil {
			return err
		}
		for _, lane := range lanes {
			if err := number(ctx, tx, lane); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("order policies: %w", err)
	}
	return nil
}

// reordered sorts bindings into their lanes by the order of ids.
func (p *Owner) reordered(pipeline policy.Pipeline, ids []string) (map[string][]Binding, error) {
	lanes := make(map[string][]Binding)
	for i, id := range ids {
		b, err := p.binding(id)
		if err != nil || b.Pipeline != pipeline || slices.Contains(ids[:i], id) {
			return nil, problem.List{{Field: "ids", Message: "Name each policy of the lane once."}}
		}
		lanes[b.EndpointID] = append(lanes[b.EndpointID], b)
	}
	for endpoint, lane := range lanes {
		if len(lane) != len(p.lane(pipeline, endpoint)) {
			return nil, problem.List{{Field: "ids", Message: "Name every policy of the lane."}}
		}
	}
	return lanes, nil
}

// number writes the positions of a lane in one statement; its constraint is
// checked when the transaction commits.
func number(ctx context.Context, tx *gorm.DB, lane []Binding) error {
	var values []string
	var args []any
	for i, b := range lane {
		values = append(values, "(?::uuid, ?::integer)")
		args = append(args, b.ID, i+1)
	}
	if len(lane) == 0 {
		return nil
	}
	_, err := exec(ctx, tx, "update policy_bindings b set position = v.position from (values "+strings.Join(values, ", ")+
		") v (id, position) where v.id = b.id and b.position <> v.position", args...)
	return err
}

// RemoveBinding takes a policy out of its lane: a local one is deleted, a global
// one and a policy group stay. The version is the owner's.
func (s *Store) RemoveBinding(ctx context.Context, by Actor, projectID, ownerID string, version int, bindingID string) error {
	_, err := s.RemoveBound(ctx, by, projectID, ownerID, version, []string{bindingID})
	return err
}

// dropLocal deletes a local policy that is bound no longer.
func (s *Store) dropLocal(ctx context.Context, tx *gorm.DB, by Actor, project Project, row policyRow) error {
	if _, err := from[policyRow](tx).Where("id = ?", row.ID).Delete(ctx); err != nil {
		return err
	}
	names, err := query[string](ctx, tx, "select name from owners where id = ?", row.OwnerID)
	if err != nil {
		return fmt.Errorf("read owner of local policy: %w", err)
	}
	return s.record(ctx, tx, by, fact{
		action: ActionDeleted, kind: KindPolicy, id: row.ID, name: row.Name, project: project.Name,
		before: deletedPolicy{Policy: json.RawMessage(row.Config), LocalTo: strings.Join(names, "")},
	})
}
