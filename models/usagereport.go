package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	// Sort is name of the policy (the default), type, owner, kind, scope, pipeline,
	// position, status, deployed, calls or tokens; other ones mean the name.
	Sort string
	Desc bool
	StateFilter
}

// ownPlaces and groupPlaces are all places in which policies run: each binding of a
// policy, and each policy of a policy group once more wherever that is bound. Bindings
// have what reports look at of their policies and owners, so that nothing else is read
// of thousands of places.
const (
	ownPlaces = `(select b.project_id, b.id as binding_id, b.owner_id, b.owner_key, b.owner_kind, b.policy_id, b.policy_key, null::uuid as group_id,
			b.endpoint_id, b.of_endpoint, b.lane, b.position, 0 as place
		from policy_bindings b where b.policy_id is not null) u`
	groupPlaces = `(select b.project_id, b.id as binding_id, b.owner_id, b.owner_key, b.owner_kind, i.policy_id, i.policy_key, b.group_id,
			b.endpoint_id, b.of_endpoint, b.lane, b.position, i.position as place
		from policy_bindings b join policy_bindings i on i.owner_id = b.group_id and i.policy_id is not null where b.group_id is not null) u`
	everyPlace = "(select * from " + ownPlaces + " union all select * from " + groupPlaces + ") u"
)

// aboutPlaces is what a place is about.
const aboutPlaces = `join policy_bindings b on b.id = u.binding_id join policies p on p.id = u.policy_id join owners x on x.id = u.owner_id
	left join owners g on g.id = u.group_id left join api_proxy_endpoints e on e.id = u.endpoint_id`

// placeOrder makes every order a whole one, so that pages neither overlap nor leave
// anything out. It is that of two indexes.
const placeOrder = "u.of_endpoint, u.lane, u.position, u.binding_id, u.place"

// placeSorts are the columns that the report may be sorted by; sorted is that of
// sortedBy. What is equal goes by policy and owner, what was counted of owners by
// owner and policy, as then the owners with the most tell which places come first.
var placeSorts = map[string][]string{
	"name": {"u.policy_key", "u.owner_key"}, "owner": {"u.owner_key", "u.policy_key"}, "type": {"u.sorted"}, "kind": {"u.owner_kind"},
	"scope": {"u.sorted"}, "pipeline": {"u.lane"}, "position": {"u.position", "u.place"}, "status": {"u.sorted"},
	"deployed": {"u.sorted"}, "calls": {"u.sorted"}, "tokens": {"u.sorted"},
}

// order is that of the filter, and then placeOrder.
func (f UsageFilter) order() string {
	keys, ok := placeSorts[f.Sort]
	if !ok {
		keys = placeSorts["name"]
	}
	by := ""
	for _, key := range keys {
		if f.Desc {
			key += " desc"
		}
		by += key + ", "
	}
	if f.Sort == "calls" {
		return by + "u.owner_key, u.policy_key, " + placeOrder
	}
	return by + "u.policy_key, u.owner_key, " + placeOrder
}

// places narrows u, a place, to those that a filter leaves.
func (f UsageFilter) places(projectID string) where {
	var w where
	w.and("u.project_id = ?", projectID)
	if f.PolicyID != "" {
		w.and("u.policy_id = ?", f.PolicyID)
	}
	if f.GroupID != "" {
		w.and("u.group_id = ?", f.GroupID)
	}
	if f.Policy != "" {
		w.and("u.policy_key = (select lower(?))", truncated(f.Policy, maxSearch))
	}
	if f.Owner != "" {
		w.and("u.owner_key = (select lower(?))", truncated(f.Owner, maxSearch))
	}
	f.ofPolicies(&w, projectID)
	if f.OwnerKind != "" {
		w.and("u.owner_kind = ?", truncated(f.OwnerKind, problem.MaxName))
	}
	if f.Query != "" {
		like := containing(f.Query)
		w.and(`(u.policy_key like (select lower(?)) or u.owner_key like (select lower(?))
			or u.group_id in (select id from owners where project_id = ? and kind = 'POLICY_GROUP' and key like lower(?)))`, like, like, projectID, like)
	}
	f.StateFilter.narrow(&w, "u.owner_id")
	return w
}

func (f UsageFilter) ofPolicies(w *where, projectID string) {
	var of where
	of.and("project_id = ?", projectID)
	of.equal("type", truncated(f.Type, problem.MaxName))
	of.either(f.Reach, "owner_id is null", "global", "local")
	of.either(f.Status, "active", "active", "passive")
	if len(of.parts) > 1 {
		w.and("u.policy_id in (select id from policies where "+of.sql()+")", of.args...)
	}
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
	begin := func(tx *gorm.DB) (report[PlaceUsage], error) { return s.placeReport(ctx, tx, projectID, f) }
	if err := download(ctx, s, f.Sort, begin, f.StateFilter, do); err != nil {
		return fmt.Errorf("report usage: %w", err)
	}
	return nil
}

func (s *Store) placeReport(ctx context.Context, tx *gorm.DB, projectID string, f UsageFilter) (report[PlaceUsage], error) {
	project, err := s.projectByID(ctx, tx, projectID)
	if err != nil {
		return report[PlaceUsage]{}, err
	}
	return report[PlaceUsage]{
		s: s, tx: tx, project: project,
		count: func(ctx context.Context) (int, error) {
			w, standing := f.places(project.ID), f.standing(project.ID)
			list, err := query[int](ctx, tx, with(standing)+"select "+placesCounted(w), slices.Concat(standing.args, w.args)...)
			return first(list), err
		},
		read: func(ctx context.Context, limit, offset int) (lines[PlaceUsage], error) {
			return s.readPlaces(ctx, tx, project, f, limit, offset)
		},
		subject: func(p *PlaceUsage) subject {
			return subject{owner: p.OwnerID, kind: p.OwnerKind, name: p.OwnerName, policy: p.PolicyName, byPolicy: true, in: &p.In}
		},
	}, nil
}

// placesCounted counts places up to CountCap.
func placesCounted(w where) string {
	return fmt.Sprintf("(select count(*) from (select from %s where %s limit %d) counted)", everyPlace, w.sql(), CountCap)
}

// readPlaces cuts the page out before anything else is read of its places: of both
// kinds, in the order of an index where that has it, as many as there are up to the
// end of the page. It counts on the way, unless the end of the list tells.
func (s *Store) readPlaces(ctx context.Context, tx *gorm.DB, project Project, f UsageFilter, limit, offset int) (read lines[PlaceUsage], err error) {
	type line struct {
		OwnerID, OwnerKind, OwnerName, BindingID, Scope, Endpoint, Pipeline string
		PolicyID, PolicyType, PolicyName, Via                               string
		Global, Active                                                      bool
		Position, Place, Total                                              int
	}
	some, err := someRenamed(ctx, tx, project, f.Sort)
	if err != nil {
		return read, err
	}
	w, sources := f.places(project.ID), s.sortedBy(f, project, limit+offset, some)
	ahead := f.standing(project.ID)
	ahead.parts, ahead.args = append(ahead.parts, sources.ahead.parts...), append(ahead.args, sources.ahead.args...)
	var branches []string
	args, end := ahead.args, fmt.Sprintf(" limit %d", limit+offset) // no argument: without it a plan is made that reads everything
	for _, places := range []string{ownPlaces, groupPlaces} {
		for _, source := range sources.of(places) {
			branches = append(branches, "(select u.* from ("+source.sql()+") u where "+w.sql()+" order by "+f.order()+end+")")
			args = slices.Concat(args, source.args, w.args)
		}
	}
	found, err := query[line](ctx, tx, with(ahead, where{parts: []string{"page as materialized (select u.*, row_number() over () as row from (select u.* from (" +
		strings.Join(branches, " union all ") + ") u order by " + f.order() + fmt.Sprintf(" limit %d offset %d", limit, offset) + ") u)"}})+`
		select u.owner_id, u.owner_kind, x.name as owner_name, u.binding_id, b.scope, b.pipeline, u.position, u.place,
			coalesce(e.method || ' ' || e.path, '') as endpoint, p.id as policy_id, p.type as policy_type, p.name as policy_name,
			p.owner_id is null as global, p.active, coalesce(g.name, '') as via,
			case when (select count(*) from page) < `+fmt.Sprintf("%d then %d", limit, offset)+` + (select count(*) from page) else `+placesCounted(w)+` end as total
		from page u `+aboutPlaces+" order by u.row", slices.Concat(args, w.args)...)
	if err != nil {
		return read, fmt.Errorf("list places: %w", err)
	}
	read.list = make([]PlaceUsage, len(found))
	for i, l := range found {
		read.total = l.Total
		read.list[i] = PlaceUsage{
			Usage: Usage{
				OwnerID: l.OwnerID, OwnerKind: l.OwnerKind, OwnerName: l.OwnerName, BindingID: l.BindingID, Scope: policy.Scope(l.Scope),
				Endpoint: l.Endpoint, Pipeline: policy.Pipeline(l.Pipeline), Position: l.Position,
			},
			PolicyID: l.PolicyID, PolicyType: l.PolicyType, PolicyName: l.PolicyName, Global: l.Global, Active: l.Active, Via: l.Via, Order: l.Place,
		}
	}
	return read, nil
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
	// Those that are named are cut out before their names are read.
	w, standing := f.places(projectID), f.standing(projectID)
	list, err := query[PolicyPlaces](ctx, s.db, with(standing)+"select p.type, p.name, p.owner_id is null as global, t.places from (select u.policy_id, count(*) as places from "+everyPlace+
		" where "+w.sql()+" group by 1 order by 2 desc fetch first (?) rows with ties) t join policies p on p.id = t.policy_id order by t.places desc, lower(p.name), p.id limit ?",
		append(slices.Concat(standing.args, w.args), most, most)...)
	if err != nil {
		return nil, fmt.Errorf("count places: %w", err)
	}
	return list, nil
}

// UsedBy counts who has a policy bound, itself or by a policy group.
type UsedBy struct{ Proxies, ProxyGroups, PolicyGroups int }

// PolicyImpact is how much hangs on policies.
type PolicyImpact struct {
	UsedBy
	// Bound is how many owners have one bound themselves, and Through how many others
	// run one as a part of a policy group. BoundBy and ThroughBy are the first of them.
	Bound, Through     int
	BoundBy, ThroughBy []OwnerName
	// Live is how many owners run one somewhere, also as a part of what they run: they
	// have to be deployed again for a change. LiveProxies of them are API proxies.
	// Environments are where.
	Live, LiveProxies int
	Environments      []string
}

// OwnerName says which owner.
type OwnerName struct{ Kind, Name string }

// PolicyUsedBy counts who has a policy bound.
func (s *Store) PolicyUsedBy(ctx context.Context, policyID string) (UsedBy, error) {
	if !isID(policyID) {
		return UsedBy{}, nil
	}
	list, err := query[UsedBy](ctx, s.db, `with groups as materialized (
			select g.id from owners g where g.kind = 'POLICY_GROUP' and exists (select from policy_bindings b where b.owner_id = g.id and b.policy_id = ?)
		)
		select count(*) filter (where x.kind = 'PROXY') as proxies, count(*) filter (where x.kind = 'PROXY_GROUP') as proxy_groups,
			count(*) filter (where x.kind = 'POLICY_GROUP') as policy_groups
		from owners x where x.id in (select owner_id from policy_bindings where policy_id = ? or group_id in (select id from groups))`, policyID, policyID)
	if err != nil {
		return UsedBy{}, fmt.Errorf("count uses of policy: %w", err)
	}
	return list[0], nil
}

// impactNames is how many names are told of those that have a policy bound.
const impactNames = 100

// PolicyImpact counts who has policies bound and who runs them, in one query, however
// many they are.
func (s *Store) PolicyImpact(ctx context.Context, policyIDs ...string) (p PolicyImpact, err error) {
	policyIDs = slices.DeleteFunc(slices.Clone(policyIDs), func(id string) bool { return !isID(id) })
	if len(policyIDs) == 0 {
		return p, nil
	}
	type line struct {
		Proxies, ProxyGroups, PolicyGroups, Bound, Through, Live, LiveProxies int
		BoundBy, ThroughBy, Environments                                      document
	}
	users := usersOf(policyIDs, "", "", "")
	list, err := query[line](ctx, s.db, with(users)+`select count(*) filter (where kind = 'PROXY' and bound) as proxies, count(*) filter (where kind = 'PROXY_GROUP' and bound) as proxy_groups,
			count(*) filter (where kind = 'POLICY_GROUP') as policy_groups, count(*) filter (where direct) as bound, count(*) filter (where bound and not direct) as through,
			count(*) filter (where running) as live, count(*) filter (where running and kind = 'PROXY') as live_proxies,
			(`+firstUsers("direct")+`) as bound_by, (`+firstUsers("bound and not direct")+`) as through_by,
			(select jsonb_agg(e.name order by lower(e.name)) from environments e where exists (select from users where exists (
				select from deployments d where d.owner_id = users.id and d.environment_id = e.id and d.revision_id is not null offset 0))) as environments
		from (select kind, direct, bound, running from users offset 0) users`, append(users.args, impactNames, impactNames)...)
	if err != nil {
		return p, fmt.Errorf("count uses of policy: %w", err)
	}
	l := list[0]
	p = PolicyImpact{
		UsedBy: UsedBy{l.Proxies, l.ProxyGroups, l.PolicyGroups}, Bound: l.Bound, Through: l.Through, Live: l.Live, LiveProxies: l.LiveProxies,
	}
	return p, errors.Join(readList(l.BoundBy, &p.BoundBy), readList(l.ThroughBy, &p.ThroughBy), readList(l.Environments, &p.Environments))
}

func firstUsers(which string) string {
	return `select jsonb_agg(jsonb_build_object('Kind', u.kind, 'Name', x.name) order by u.key, u.id)
		from (select kind, key, id from users where ` + which + ` order by key, id limit ?) u join owners x on x.id = u.id`
}

// readList reads what jsonb_agg made, which of nothing makes null.
func readList[T any](raw document, list *[]T) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, list)
}
