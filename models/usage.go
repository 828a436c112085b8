package models

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/policy"
)

// Usage is one place in which a policy is bound.
type Usage struct {
	OwnerID, OwnerKind, OwnerName, BindingID string
	Scope                                    policy.Scope
	// Endpoint is "METHOD /path" where the scope is ENDPOINT.
	Endpoint string
	Pipeline policy.Pipeline
	Position int
	// Live names the environments in which the owner is deployed, in order.
	Live []string
}

// PolicyUsage lists where a policy is bound, by owner and in running order.
func (s *Store) PolicyUsage(ctx context.Context, policyID string) ([]Usage, error) {
	if !isID(policyID) {
		return nil, nil
	}
	var list []Usage
	err := s.look(ctx, func(tx *gorm.DB) (err error) {
		list, err = usage(ctx, tx, policyID, 0)
		return err
	})
	return list, err
}

// usage lists where a policy or a policy group is bound, most places of them or all.
func usage(ctx context.Context, db *gorm.DB, id string, most int) ([]Usage, error) {
	type place struct {
		OwnerID, OwnerKind, OwnerName, BindingID, Scope, Endpoint, Pipeline string
		Position                                                            int
	}
	places, err := query[place](ctx, db, `select b.owner_id, x.kind as owner_kind, x.name as owner_name, b.id as binding_id, b.scope, b.pipeline, b.position,
			coalesce(e.method || ' ' || e.path, '') as endpoint
		from policy_bindings b join owners x on x.id = b.owner_id left join api_proxy_endpoints e on e.id = b.endpoint_id
		where b.policy_id = ? or b.group_id = ? order by lower(x.name), x.id, b.pipeline, e.position nulls first, b.position limit nullif(?, 0)`, id, id, most)
	if err != nil {
		return nil, fmt.Errorf("list uses of policy: %w", err)
	}
	ids := make(map[string]bool, len(places))
	for _, p := range places {
		ids[p.OwnerID] = true
	}
	live, err := liveIn(ctx, db, slices.Collect(maps.Keys(ids)))
	if err != nil {
		return nil, err
	}
	list := make([]Usage, len(places))
	for i, p := range places {
		list[i] = Usage{
			OwnerID: p.OwnerID, OwnerKind: p.OwnerKind, OwnerName: p.OwnerName, BindingID: p.BindingID, Scope: policy.Scope(p.Scope), Endpoint: p.Endpoint,
			Pipeline: policy.Pipeline(p.Pipeline), Position: p.Position, Live: live[p.OwnerID],
		}
	}
	return list, nil
}

// liveIn names the environments in which owners are deployed.
func liveIn(ctx context.Context, db *gorm.DB, ownerIDs []string) (map[string][]string, error) {
	if len(ownerIDs) == 0 {
		return nil, nil
	}
	type pair struct{ OwnerID, Name string }
	pairs, err := query[pair](ctx, db, `select d.owner_id, e.name from deployments d join environments e on e.id = d.environment_id
		where d.revision_id is not null and d.owner_id in ? order by lower(e.name)`, ownerIDs)
	if err != nil {
		return nil, fmt.Errorf("list deployments: %w", err)
	}
	live := make(map[string][]string)
	for _, p := range pairs {
		live[p.OwnerID] = append(live[p.OwnerID], p.Name)
	}
	return live, nil
}
