package models

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// Places is where a policy or a policy group is bound, in numbers, and the first of
// those that have it.
type Places struct {
	// Places are bindings, Owners those who have one, Live those of them that are
	// deployed, in Environments.
	Places, Owners, Live int
	First, FirstLive     []OwnerName
	Environments         []string
}

// placesNamed is how many owners are named.
const placesNamed = 5

// PlacesOf counts where a policy or a policy group is bound, but for some bindings:
// a policy also by the policy groups that hold it, whose owners are named last.
func (s *Store) PlacesOf(ctx context.Context, id string, except ...string) (p Places, err error) {
	if !isID(id) {
		return p, nil
	}
	type line struct {
		Places, Owners, Live           int
		First, FirstLive, Environments document
	}
	first := func(which string) string {
		return `(select jsonb_agg(jsonb_build_object('Kind', u.kind, 'Name', x.name) order by u.via, u.key, u.id)
			from (select * from users where ` + which + fmt.Sprintf(" order by via, key, id limit %d) u join owners x on x.id = u.id)", placesNamed)
	}
	list, err := query[line](ctx, s.db, `with users as materialized (
			select *, id in (select owner_id from deployments where revision_id is not null) as running from (
				select b.owner_id as id, b.owner_kind as kind, b.owner_key as key, min(b.via) as via, count(*) as n from (
					select *, 0 as via from policy_bindings where policy_id = ?
					union all select *, 1 from policy_bindings where group_id = ?
					union all select *, 1 from policy_bindings where group_id in (select owner_id from policy_bindings where policy_id = ? and owner_kind = 'POLICY_GROUP')
				) b where b.id <> all(?::uuid[]) group by 1, 2, 3) u
		)
		select coalesce(sum(n), 0)::bigint as places, count(*) as owners, count(*) filter (where running) as live, `+first("true")+` as first, `+first("running")+` as first_live,
			(select jsonb_agg(e.name order by lower(e.name)) from environments e where exists (select from deployments d
				where d.environment_id = e.id and d.revision_id is not null and d.owner_id in (select id from users where running))) as environments
		from users`, id, id, id, "{"+strings.Join(except, ",")+"}")
	if err != nil {
		return p, fmt.Errorf("count places: %w", err)
	}
	l := list[0]
	p = Places{Places: l.Places, Owners: l.Owners, Live: l.Live}
	return p, errors.Join(readList(l.First, &p.First), readList(l.FirstLive, &p.FirstLive), readList(l.Environments, &p.Environments))
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
