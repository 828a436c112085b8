package models

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
)

// GroupUsage is a line of the report of proxy groups or of policy groups.
type GroupUsage struct {
	ID, Kind, Name, Description string
	// Members are the proxies of a proxy group. Policies are those that it runs for
	// itself, by policy groups too, or the members of a policy group.
	Members, Policies int
	// Active, MakeDefault and Pipeline are of a policy group, and so is where it is
	// bound: in so many proxies and proxy groups.
	Active, MakeDefault  bool
	Pipeline             policy.Pipeline
	Proxies, ProxyGroups int
	In                   []UsageIn `gorm:"-"`
}

// GroupUsageFilter narrows and orders a report of groups. Zero members do not
// narrow.
type GroupUsageFilter struct {
	// Kind is engine.KindProxyGroup or KindPolicyGroup.
	Kind string
	// Query is contained in the name or description, Member is the name of a proxy
	// of the group or of an owner in which it is bound.
	Query, Member string
	// Status is "active" or "passive", of policy groups.
	Status string
	// Sort is name (the default), members, policies, bound, pipeline, deployed, calls
	// or tokens.
	Sort string
	Desc bool
	StateFilter
}

var groupSorts = map[string]string{
	"name": "x.key", "members": "members", "policies": "policies", "bound": "proxies + proxy_groups", "pipeline": "array_position(array['REQUEST', 'RESPONSE', 'ERROR'], pipeline)",
	"deployed": "figure", "calls": "figure", "tokens": "figure",
}

// figure joins what the filter sorts by to x, a group, as s.figure. Some tells whether
// owners were renamed.
func (s *Store) figure(f GroupUsageFilter, project Project, some bool) where {
	of := f.environments()
	switch f.Sort {
	case "deployed":
		return statement("left join (select owner_id as id, count(*) as figure from deployments where revision_id is not null and environment_id in (select id "+of.sql()+") group by 1) s on s.id = x.id", of.args...)
	case "calls":
		calls := s.callsByOwner(project, of, some)
		return statement("left join ("+calls.sql()+") s on s.owner = x.key", calls.args...)
	case "tokens":
		tokens := tokensByPlace(project, of, some)
		return statement("left join (select owner, sum(figure) as figure from ("+tokens.sql()+") t group by 1) s on s.owner = x.key", tokens.args...)
	}
	return statement("cross join (select 0 as figure) s")
}

func (f GroupUsageFilter) conditions(projectID string) where {
	var w where
	w.and("x.project_id = ?", projectID)
	w.and("x.kind = ?", f.Kind)
	if f.Query != "" {
		like := containing(f.Query)
		w.and("(x.name ilike ? or x.description ilike ?)", like, like)
	}
	if f.Member != "" {
		name := truncated(f.Member, maxSearch)
		w.and(`(exists (select from proxy_group_members m join owners y on y.id = m.proxy_id where m.group_id = x.id and lower(y.name) = lower(?))
			or exists (select from policy_bindings b join owners y on y.id = b.owner_id where b.group_id = x.id and lower(y.name) = lower(?)))`, name, name)
	}
	if f.Kind == engine.KindPolicyGroup {
		w.either(f.Status, "x.active", "active", "passive")
	}
	f.StateFilter.narrow(&w, "x.id")
	return w
}

// GroupReport lists a page of the groups of a project with their figures.
func (s *Store) GroupReport(ctx context.Context, projectID string, f GroupUsageFilter) (list []GroupUsage, at Scan, err error) {
	err = s.look(ctx, func(tx *gorm.DB) error {
		r, err := s.groupReport(ctx, tx, projectID, f)
		if err == nil {
			list, at, err = r.page(ctx, f.StateFilter)
		}
		return err
	})
	if err != nil {
		return nil, at, fmt.Errorf("report groups: %w", err)
	}
	return list, at, nil
}

// EachGroup hands over every group that the filter leaves, in its order.
func (s *Store) EachGroup(ctx context.Context, projectID string, f GroupUsageFilter, do func(GroupUsage) error) error {
	begin := func(tx *gorm.DB) (report[GroupUsage], error) { return s.groupReport(ctx, tx, projectID, f) }
	if err := download(ctx, s, f.Sort, begin, f.StateFilter, do); err != nil {
		return fmt.Errorf("report groups: %w", err)
	}
	return nil
}

func (s *Store) groupReport(ctx context.Context, tx *gorm.DB, projectID string, f GroupUsageFilter) (report[GroupUsage], error) {
	project, err := s.projectByID(ctx, tx, projectID)
	if err != nil {
		return report[GroupUsage]{}, err
	}
	w, standing := f.conditions(project.ID), f.standing(project.ID)
	return report[GroupUsage]{
		s: s, tx: tx, project: project,
		count: func(ctx context.Context) (int, error) {
			list, err := query[int](ctx, tx, with(standing)+"select count(*) from (select from owners x where "+w.sql()+" limit ?) counted", append(slices.Concat(standing.args, w.args), CountCap)...)
			return first(list), err
		},
		read: func(ctx context.Context, limit, offset int) (lines[GroupUsage], error) {
			some, err := someRenamed(ctx, tx, project, f.Sort)
			if err != nil {
				return lines[GroupUsage]{}, err
			}
			list, err := groupLines(ctx, tx, standing, w, s.figure(f, project, some), ordering(groupSorts, f.Sort, f.Desc), limit, offset)
			return lines[GroupUsage]{list: list}, err
		},
		subject: func(g *GroupUsage) subject { return subject{owner: g.ID, kind: g.Kind, name: g.Name, in: &g.In} },
	}, nil
}

func groupLines(ctx context.Context, tx *gorm.DB, standing, w, figure where, order string, limit, offset int) ([]GroupUsage, error) {
	list, err := query[GroupUsage](ctx, tx, with(standing)+`select * from (select x.id, x.kind, x.name, x.key, x.description, x.active, x.make_default, x.pipeline,
			(select count(*) from proxy_group_members m where m.group_id = x.id) as members,
			(select count(*) from policy_bindings b left join policy_bindings i on i.owner_id = b.group_id
				where b.owner_id = x.id and (b.policy_id is not null or i.policy_id is not null)) as policies,
			(select count(distinct b.owner_id) from policy_bindings b join owners y on y.id = b.owner_id where b.group_id = x.id and y.kind = 'PROXY') as proxies,
			(select count(distinct b.owner_id) from policy_bindings b join owners y on y.id = b.owner_id where b.group_id = x.id and y.kind = 'PROXY_GROUP') as proxy_groups,
			coalesce(s.figure, 0) as figure
		from owners x `+figure.sql()+` where `+w.sql()+") x order by "+order+", x.key, x.id limit ? offset ?", append(slices.Concat(standing.args, figure.args, w.args), limit, offset)...)
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	return list, nil
}

// OwnerCalls is how many calls an API had in the last day, over all environments.
type OwnerCalls struct {
	Name  string
	Calls int64
}

// MostCalledGroups are the proxy groups of a project with the most calls in the
// last day, in one environment unless that is empty.
func (s *Store) MostCalledGroups(ctx context.Context, projectID, environment string, most int) ([]OwnerCalls, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return nil, err
	}
	var w where
	last := s.lastDay()
	w.and("project = ? and proxy_group <> '' and "+last.days(), project.Name)
	w.equal("environment", environment)
	list, err := query[OwnerCalls](ctx, s.db, "select proxy_group as name, sum("+last.calls()+")::bigint as calls from call_days where "+w.sql()+
		" group by 1 having sum("+last.calls()+") > 0 order by 2 desc, 1 limit ?", append(w.args, most)...)
	if err != nil {
		return nil, fmt.Errorf("count calls of groups: %w", err)
	}
	return list, nil
}
