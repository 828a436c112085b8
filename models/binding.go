package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// NewBinding is what is to be bound: a global policy by its id, or a new local
// one, and where. It goes to the end of its lane.
type NewBinding struct {
	Scope policy.Scope
	// EndpointID is needed where Scope is ENDPOINT, and only there.
	EndpointID string
	Pipeline   policy.Pipeline
	// PolicyID is that of a global policy; exactly one of it and Local is set.
	PolicyID string
	// Local is a policy of the proxy's own. Without a name it gets a UUID for
	// one.
	Local policy.Config
}

// AddBinding binds a policy at the end of a lane. The version is the proxy's.
// Problems are of the fields scope, endpointId, pipeline and policyId, and
// those of a local policy under its own field names.
func (s *Store) AddBinding(ctx context.Context, by Actor, projectID, proxyID string, version int, b NewBinding) (Binding, error) {
	if b.Local != nil && b.Local.Base().Name == "" {
		b.Local.Base().Name = uuid.NewString()
	}
	var row bindingRow
	after, err := s.editLanes(ctx, by, projectID, proxyID, version, func(tx *gorm.DB, project Project, p Proxy) (err error) {
		row, err = s.bind(ctx, tx, by, project, p, b)
		return err
	})
	if err != nil {
		return Binding{}, fmt.Errorf("bind policy: %w", nameRace(err))
	}
	i := slices.IndexFunc(after.Bindings, func(b Binding) bool { return b.ID == row.ID })
	return after.Bindings[i], nil
}

// editLanes runs edit on a proxy that is still at version and gives it the
// next one.
func (s *Store) editLanes(ctx context.Context, by Actor, projectID, proxyID string, version int, edit func(*gorm.DB, Project, Proxy) error) (after Proxy, err error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Proxy{}, err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		before, row, err := s.proxyAt(ctx, tx, project, proxyID, version)
		if err != nil {
			return err
		}
		if err := s.bumpProxy(ctx, tx, by, &row); err != nil {
			return err
		}
		if err := edit(tx, project, before); err != nil {
			return err
		}
		after, err = s.changedProxy(ctx, tx, by, ActionUpdated, project, before)
		return err
	})
	return after, err
}

func (s *Store) bind(ctx context.Context, tx *gorm.DB, by Actor, project Project, p Proxy, b NewBinding) (bindingRow, error) {
	row := bindingRow{ID: newID(), ProxyID: p.ID, Scope: string(b.Scope), EndpointID: orNil(b.EndpointID), Pipeline: string(b.Pipeline)}
	l := b.place(p)
	typ, err := s.boundType(ctx, tx, project, b, &l)
	if err != nil {
		return row, err
	}
	if t, ok := s.types.Find(typ); ok && slices.Contains(pipelines, b.Pipeline) && !t.Allows(b.Pipeline) {
		l.Add("pipeline", "A policy of type %s cannot run in the pipeline %s.", t.Label, b.Pipeline)
	}
	if err := l.Err(); err != nil {
		return row, err
	}
	row.PolicyID = b.PolicyID
	if b.Local != nil {
		local, err := s.createPolicy(ctx, tx, by, project, &p.ID, b.Local)
		if err != nil {
			return row, err
		}
		row.PolicyID = local.ID
	}
	row.Position = len(p.lane(b.Pipeline, b.EndpointID)) + 1
	return row, from[bindingRow](tx).Create(ctx, &row)
}

var pipelines = []policy.Pipeline{policy.Request, policy.Response, policy.Error}

// place reports what is wrong with where the policy is to go.
func (b NewBinding) place(p Proxy) problem.List {
	var l problem.List
	switch b.Scope {
	case policy.All:
		if b.EndpointID != "" {
			l.Add("endpointId", "Leave out the endpoint: the scope ALL covers every one.")
		}
	case policy.Endpoint:
		if !slices.ContainsFunc(p.Endpoints, func(e Endpoint) bool { return e.ID == b.EndpointID }) {
			l.Add("endpointId", "Choose an endpoint of the proxy.")
		}
	default:
		l.Add("scope", "Choose ALL or ENDPOINT.")
	}
	if !slices.Contains(pipelines, b.Pipeline) {
		l.Add("pipeline", "Choose REQUEST, RESPONSE or ERROR.")
	}
	return l
}

// boundType is the type of the policy that is to be bound, "" when that is
// wrong, which it adds to l.
func (s *Store) boundType(ctx context.Context, tx *gorm.DB, project Project, b NewBinding, l *problem.List) (string, error) {
	if (b.PolicyID == "") == (b.Local == nil) {
		l.Add("policyId", "Choose a global policy or write a local one.")
		return "", nil
	}
	if b.Local != nil {
		return b.Local.Base().Type, nil
	}
	row, err := policyByID(ctx, tx, project.ID, b.PolicyID)
	if isNotFound(err) || err == nil && !row.global() {
		l.Add("policyId", "The policy is gone; choose another one.")
		return "", nil
	}
	return row.Type, err
}

// lane is the bindings of one lane in running order.
func (p *Proxy) lane(pipeline policy.Pipeline, endpointID string) []Binding {
	var lane []Binding
	for _, b := range p.Bindings {
		if b.Pipeline == pipeline && b.EndpointID == endpointID {
			lane = append(lane, b)
		}
	}
	return lane
}

func (p *Proxy) binding(id string) (Binding, error) {
	i := slices.IndexFunc(p.Bindings, func(b Binding) bool { return b.ID == id })
	if i < 0 {
		return Binding{}, fmt.Errorf("read binding: %w", ErrNotFound)
	}
	return p.Bindings[i], nil
}

// MoveBinding moves a binding to a position of its lane, from 1. The version
// is the proxy's.
func (s *Store) MoveBinding(ctx context.Context, by Actor, projectID, proxyID string, version int, bindingID string, position int) error {
	_, err := s.editLanes(ctx, by, projectID, proxyID, version, func(tx *gorm.DB, _ Project, p Proxy) error {
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
// proxy's.
func (s *Store) OrderBindings(ctx context.Context, by Actor, projectID, proxyID string, version int, pipeline policy.Pipeline, ids []string) error {
	_, err := s.editLanes(ctx, by, projectID, proxyID, version, func(tx *gorm.DB, _ Project, p Proxy) error {
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
func (p *Proxy) reordered(pipeline policy.Pipeline, ids []string) (map[string][]Binding, error) {
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

// RemoveBinding takes a policy out of its lane: a local one is deleted, a
// global one stays. The version is the proxy's.
func (s *Store) RemoveBinding(ctx context.Context, by Actor, projectID, proxyID string, version int, bindingID string) error {
	_, err := s.editLanes(ctx, by, projectID, proxyID, version, func(tx *gorm.DB, project Project, p Proxy) error {
		b, err := p.binding(bindingID)
		if err != nil {
			return err
		}
		if _, err := from[bindingRow](tx).Where("id = ?", b.ID).Delete(ctx); err != nil {
			return err
		}
		if err := closeLanes(ctx, tx, []string{p.ID}); err != nil || b.Policy.Global() {
			return err
		}
		row, err := policyByID(ctx, tx, project.ID, b.Policy.ID)
		if err != nil {
			return err
		}
		return s.dropLocal(ctx, tx, by, project, row)
	})
	if err != nil {
		return fmt.Errorf("remove policy: %w", err)
	}
	return nil
}

// dropLocal deletes a local policy that is bound no longer.
func (s *Store) dropLocal(ctx context.Context, tx *gorm.DB, by Actor, project Project, row policyRow) error {
	if _, err := from[policyRow](tx).Where("id = ?", row.ID).Delete(ctx); err != nil {
		return err
	}
	return s.record(ctx, tx, by, fact{
		action: ActionDeleted, kind: KindPolicy, id: row.ID, name: row.Name, project: project.Name,
		before: deletedPolicy{Policy: json.RawMessage(row.Config)},
	})
}
