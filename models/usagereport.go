package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// PlaceUsage is a line of the report of usage: a policy in a lane of an owner, as
// itself or by a policy group.
type PlaceUsage struct {
	Usage
	PolicyID, PolicyType, PolicyName string
	Global, Active                   bool
	// Via is the policy group by which the policy is there, "" for none. Position
	// is then the group's place in the lane, Order the policy's in the group.
	Via   string
	Order int
	// In has one entry for each environment that the report is of.
	In []UsageIn
}

// UsageFilter narrows and orders the report of usage. Zero members do not narrow.
type UsageFilter struct {
	// PolicyID is that of a policy, GroupID that of a policy group by which
	// policies are bound.
	PolicyID, GroupID string
	// Type, Policy, OwnerKind and Owner are compared as a whole, names without case.
	Type, Policy, OwnerKind, Owner string
	// Reach is "global" or "local", Status "active" or "passive".
	Reach, Status string
	// Query is contained in the name of the policy, the owner or the policy group.
	Query string
	// Sort is policy (the default), type, owner, kind, pipeline or position.
	Sort string
	Desc bool
	StateFilter
}

// placesOf are all places in which policies run: each binding of a policy, and each
// policy of a policy group once more wherever that is bound.
const placesOf = `(
	select b.id as binding_id, b.owner_id, b.policy_id, null::uuid as group_id, b.scope, b.endpoint_id, b.pipeline, b.position, 0 as place
	from policy_bindings b where b.policy_id is not null
	union all
	select g.id, g.owner_id, b.policy_id, g.group_id, g.scope, g.endpoint_id, g.pipeline, g.position, b.position
	from policy_bindings g join policy_bindings b on b.owner_id = g.group_id and b.policy_id is not null where g.group_id is not null
) u join policies p on p.id = u.policy_id join owners x on x.id = u.owner_id left join owners g on g.id = u.group_id`

// aboutPlaces is what a place is about.
const aboutPlaces = `join policies p on p.id = u.policy_id join owners x on x.id = u.owner_id left join owners g on g.id = u.group_id
	left join api_proxy_endpoints e on e.id = u.endpoint_id`

// placeSorts are the columns that the report may be sorted by. A name goes with the
// other one as a single key: with two, PostgreSQL takes the order of the first from
// an index and then visits every place of a policy that is used everywhere.
var placeSorts = map[string]string{
	"name": byPolicyName, "owner": "lower(x.name) || chr(1) || lower(p.name)", "type": "p.type", "kind": "x.kind", "pipeline": pipelineRank, "position": "u.position",
}

const (
	byPolicyName = "lower(p.name) || chr(1) || lower(x.name)"
	pipelineRank = "array_position(array['REQUEST', 'RESPONSE', 'ERROR'], u.pipeline)"
	// placeOrder makes every order a whole one, so that pages neither overlap nor
	// leave anything out.
	placeOrder = byPolicyName + ", u.scope, " + pipelineRank + ", u.position, u.place, u.binding_id"
)

func (f UsageFilter) conditions(projectID string) where {
	var w where
	w.and("p.project_id = ?", projectID)
	if f.PolicyID != "" {
		w.and("u.policy_id = ?", f.PolicyID)
	}
	if f.GroupID != "" {
		w.and("u.group_id = ?", f.GroupID)
	}
	w.equal("p.type", truncated(f.Type, problem.MaxName))
	w.equal("x.kind", truncated(f.OwnerKind, problem.MaxName))
	if f.Policy != "" {
		w.and("lower(p.name) = lower(?)", truncated(f.Policy, maxSearch))
	}
	if f.Owner != "" {
		w.and("lower(x.name) = lower(?)", truncated(f.Owner, maxSearch))
	}
	w.either(f.Reach, "p.owner_id is null", "global", "local")
	w.either(f.Status, "p.active", "active", "passive")
	if f.Query != "" {
		like := containing(f.Query)
		w.and("(p.name ilike ? or x.name ilike ? or g.name ilike ?)", like, like, like)
	}
	f.StateFilter.narrow(&w)
	return w
}

// either narrows to a condition, or to its contrary.
func (w *where) either(value, condition, yes, no string) {
	switch value {
	case yes:
		w.and(condition)
	case no:
		w.and("not (" + condition + ")")
	}
}

// UsageReport lists a page of the places in which policies of a project run, with
// their figures.
func (s *Store) UsageReport(ctx context.Context, projectID string, f UsageFilter) (list []PlaceUsage, at Scan, err error) {
	err = s.look(ctx, func(tx *gorm.DB) error {
		r, err := s.placeReport(ctx, tx, projectID, f)
		if err == nil {
			list, at, err = r.page(ctx, f.StateFilter)
		}
		return err
	})
	if err != nil {
		return nil, at, fmt.Errorf("report usage: %w", err)
	}
	return list, at, nil
}

// EachUsage hands over every place that the filter leaves, in its order.
func (s *Store) EachUsage(ctx context.Context, projectID string, f UsageFilter, do func(PlaceUsage) error) error {
	r, err := s.placeReport(ctx, s.db, projectID, f)
	if err == nil {
		err = r.each(ctx, f.StateFilter, do)
	}
	if err != nil {
		return fmt.Errorf("report usage: %w", err)
	}
	return nil
}

func (s *Store) placeReport(ctx context.Context, tx *gorm.DB, projectID string, f UsageFilter) (report[PlaceUsage], error) {
	project, err := s.projectByID(ctx, tx, projectID)
	if err != nil {
		return report[PlaceUsage]{}, err
	}
	w := f.conditions(project.ID)
	return report[PlaceUsage]{
		s: s, tx: tx, project: project,
		count: func(ctx context.Context) (int, error) {
			return countedIn(ctx, tx, "from "+placesOf+" where "+w.sql(), w.args)
		},
		read: func(ctx context.Context, limit, offset int) ([]PlaceUsage, error) {
			return places(ctx, tx, w, ordering(placeSorts, f.Sort, f.Desc), limit, offset)
		},
		subject: func(p *PlaceUsage) subject {
			return subject{owner: p.OwnerID, kind: p.OwnerKind, name: p.OwnerName, policy: p.PolicyName, byPolicy: true, in: &p.In}
		},
	}, nil
}

func places(ctx context.Context, tx *gorm.DB, w where, order string, limit, offset int) ([]PlaceUsage, error) {
	type line struct {
		OwnerID, OwnerKind, OwnerName, BindingID, Scope, Endpoint, Pipeline string
		PolicyID, PolicyType, PolicyName, Via                               string
		Global, Active                                                      bool
		Position, Place                                                     int
	}
	order += ", " + placeOrder
	// The page is cut out before anything else is read of its places.
	lines, err := query[line](ctx, tx, "with page as (select u.* from "+placesOf+" where "+w.sql()+" order by "+order+` limit ? offset ?)
		select u.owner_id, x.kind as owner_kind, x.name as owner_name, u.binding_id, u.scope, u.pipeline, u.position, u.place,
			coalesce(e.method || ' ' || e.path, '') as endpoint, p.id as policy_id, p.type as policy_type, p.name as policy_name,
			p.owner_id is null as global, p.active, coalesce(g.name, '') as via
		from page u `+aboutPlaces+" order by "+order, append(w.args[:len(w.args):len(w.args)], limit, offset)...)
	if err != nil {
		return nil, fmt.Errorf("list places: %w", err)
	}
	list := make([]PlaceUsage, len(lines))
	for i, l := range lines {
		list[i] = PlaceUsage{
			Usage: Usage{
				OwnerID: l.OwnerID, OwnerKind: l.OwnerKind, OwnerName: l.OwnerName, BindingID: l.BindingID, Scope: policy.Scope(l.Scope),
				Endpoint: l.Endpoint, Pipeline: policy.Pipeline(l.Pipeline), Position: l.Position,
			},
			PolicyID: l.PolicyID, PolicyType: l.PolicyType, PolicyName: l.PolicyName, Global: l.Global, Active: l.Active, Via: l.Via, Order: l.Place,
		}
	}
	return list, nil
}

// PolicyPlaces is in how many places a policy runs.
type PolicyPlaces struct {
	Type, Name string
	Global     bool
	Places     int
}

// MostUsed are the policies that run in most of the places that the filter leaves.
func (s *Store) MostUsed(ctx context.Context, projectID string, f UsageFilter, most int) ([]PolicyPlaces, error) {
	if !isID(projectID) {
		return nil, nil
	}
	w := f.conditions(projectID)
	list, err := query[PolicyPlaces](ctx, s.db, "select p.type, p.name, p.owner_id is null as global, count(*) as places from "+placesOf+" where "+w.sql()+
		" group by p.id, p.type, p.name, p.owner_id order by count(*) desc, lower(p.name), p.id limit ?", append(w.args, most)...)
	if err != nil {
		return nil, fmt.Errorf("count places: %w", err)
	}
	return list, nil
}

// UsedBy counts who has a policy bound, itself or by a policy group.
type UsedBy struct{ Proxies, ProxyGroups, PolicyGroups int }

// PolicyImpact is how much hangs on a policy, in numbers.
type PolicyImpact struct {
	UsedBy
	// Bound is how many owners have it bound themselves; Names are some of these.
	Bound int
	Names []string
	// Live is how many owners run it somewhere, also as a part of what they run: they
	// have to be deployed again for a change. Environments are where.
	Live         int
	Environments []string
}

// PolicyUsedBy counts who has a policy bound.
func (s *Store) PolicyUsedBy(ctx context.Context, policyID string) (UsedBy, error) {
	if !isID(policyID) {
		return UsedBy{}, nil
	}
	list, err := query[UsedBy](ctx, s.db, `with direct as (select owner_id from policy_bindings where policy_id = ?),
		users as (select owner_id from direct union select b.owner_id from policy_bindings b join direct d on b.group_id = d.owner_id)
		select count(*) filter (where x.kind = 'PROXY') as proxies, count(*) filter (where x.kind = 'PROXY_GROUP') as proxy_groups,
			count(*) filter (where x.kind = 'POLICY_GROUP') as policy_groups from users u join owners x on x.id = u.owner_id`, policyID)
	if err != nil {
		return UsedBy{}, fmt.Errorf("count uses of policy: %w", err)
	}
	return list[0], nil
}

// PolicyImpact counts who has a policy bound and who runs it.
func (s *Store) PolicyImpact(ctx context.Context, policyID string) (p PolicyImpact, err error) {
	if !isID(policyID) {
		return p, nil
	}
	err = s.look(ctx, func(tx *gorm.DB) error {
		p, err = policyImpact(ctx, tx, policyID)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("count uses of policy: %w", err)
	}
	return p, nil
}

// impactNames is how many names are told of those that have a policy bound.
const impactNames = 100

func policyImpact(ctx context.Context, tx *gorm.DB, policyID string) (PolicyImpact, error) {
	policy := BulkSubject{Kind: SubjectPolicy, ID: policyID}
	type counts struct{ Proxies, ProxyGroups, PolicyGroups, Bound, Live int }
	list, err := query[counts](ctx, tx, usersOf+`select count(*) filter (where x.kind = 'PROXY' and b.id is not null) as proxies,
			count(*) filter (where x.kind = 'PROXY_GROUP' and b.id is not null) as proxy_groups, count(*) filter (where x.kind = 'POLICY_GROUP') as policy_groups,
			count(d.id) as bound, count(r.owner_id) as live
		from users u join owners x on x.id = u.id left join bound b on b.id = x.id left join direct d on d.id = x.id
		left join (select distinct owner_id from deployments where revision_id is not null) r on r.owner_id = x.id`, policy.args()...)
	if err != nil {
		return PolicyImpact{}, err
	}
	p := PolicyImpact{
		UsedBy: UsedBy{list[0].Proxies, list[0].ProxyGroups, list[0].PolicyGroups}, Bound: list[0].Bound, Live: list[0].Live,
	}
	p.Names, err = query[string](ctx, tx, `select x.name from owners x where x.id in (select owner_id from policy_bindings where policy_id = ?)
		order by lower(x.name), x.id limit ?`, policyID, impactNames)
	if err != nil || p.Live == 0 {
		return p, err
	}
	p.Environments, err = query[string](ctx, tx, usersOf+`select e.name from environments e where e.id in (
			select d.environment_id from deployments d join users u on u.id = d.owner_id where d.revision_id is not null)
		order by lower(e.name)`, policy.args()...)
	return p, err
}
