package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
)

// placeSources is where places come from together with what they are sorted by, as
// sorted. Ahead are named queries, of which one of the sources may be made.
type placeSources struct {
	ahead where
	of    func(places string) []where
}

// sortedBy adds what the filter sorts by to places. The figures are those that the
// lines show, of all their environments together. Most is how many places are asked
// for, some whether owners were renamed.
func (s *Store) sortedBy(f UsageFilter, project Project, most int, some bool) placeSources {
	joined := func(sql, on string, args ...any) placeSources {
		return placeSources{of: func(places string) []where {
			return []where{statement("select u.*, s.sorted from "+places+" left join ("+sql+") s on "+on, args...)}
		}}
	}
	of := f.environments()
	switch f.Sort {
	case "type":
		return joined("select id, type as sorted from policies where project_id = ?", "s.id = u.policy_id", project.ID)
	case "status":
		return joined("select id, active as sorted from policies where project_id = ?", "s.id = u.policy_id", project.ID)
	case "scope":
		return joined("select id, method || ' ' || path as sorted from api_proxy_endpoints", "s.id = u.endpoint_id")
	case "deployed":
		return placeSources{of: func(places string) []where {
			return []where{statement("select u.*, coalesce(s.deployed, 0) as sorted from "+places+" left join (select owner_id as id, count(*) as deployed from deployments where revision_id is not null and environment_id in (select id "+
				of.sql()+") group by 1) s on s.id = u.owner_id", of.args...)}
		}}
	case "calls":
		calls := s.callsByOwner(project, of, some)
		return f.figured(project, most, calls, "owner", "u.owner_key", "u.owner_kind <> 'POLICY_GROUP'")
	case "tokens":
		return f.figured(project, most, tokensByPlace(project, of, some), "policy, owner", "u.policy_key, u.owner_key", "true")
	}
	return placeSources{of: func(places string) []where { return []where{statement("select * from " + places)} }}
}

// figured adds to places a figure of which a query has lines with a name, of those
// for which a condition holds. Where nothing narrows the report, the page is made of
// the places of as many lines, as each that counts has one place or more, and of those
// of which there is no figure.
func (f UsageFilter) figured(project Project, most int, figures where, name, key, of string) placeSources {
	best := statement("best as materialized (select * from figures)")
	if f.unfiltered() {
		best = f.best(project, most, name, key, of)
	}
	return placeSources{
		ahead: where{
			parts: append([]string{"figures as materialized (" + figures.sql() + ")"}, best.parts...),
			args:  slices.Concat(figures.args, best.args),
		},
		of: func(places string) []where {
			// Where most is first, those without a figure are needed when the others end.
			enough := ""
			if f.Desc && f.unfiltered() {
				enough = fmt.Sprintf("(select count(*) from best) < %d and ", most)
			}
			return []where{
				statement("select u.*, s.figure as sorted from best s join " + places + " on (" + key + ") = (" + qualified("s", name) + ") and " + of),
				statement("select u.*, 0::bigint as sorted from " + places + " where " + enough + "(not (" + of + ") or (" + key + ") not in (select " + name + " from figures))"),
			}
		},
	}
}

// figuresAhead is how many times as many figures as are wanted are looked at first.
const figuresAhead = 4

// best names the first figures in order that have a place. A few are looked at first,
// as to put all of them in order costs more than all else; when too many of those are
// of policies and owners that are gone, all are.
func (f UsageFilter) best(project Project, most int, name, key, of string) where {
	order := " order by figure"
	if f.Desc {
		order += " desc"
	}
	order += ", " + name
	has := func(places string) string {
		return "exists (select from " + places + " where u.project_id = ? and (" + key + ") = (" + qualified("f", name) + ") and " + of + " offset 0)"
	}
	among := func(figures string) string {
		return "select f.* from (" + figures + ") f where (" + has(ownPlaces) + " or " + has(groupPlaces) + ")" + fmt.Sprintf("%s limit %d", order, most)
	}
	few := figuresAhead * most
	return where{
		parts: []string{
			"few as materialized (" + among(fmt.Sprintf("select * from figures%s limit %d", order, few)) + ")",
			fmt.Sprintf("short as materialized (select (select count(*) from few) < %d and (select count(*) from figures) > %d as so)", most, few),
			"best as materialized (select * from few where not (select so from short) union all (" +
				among("select * from figures where (select so from short)"+order+" offset 0") + "))",
		},
		args: []any{project.ID, project.ID, project.ID, project.ID},
	}
}

// qualified puts the name of a table before each of some columns.
func qualified(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}

// unfiltered tells that the report is of all places of the project.
func (f UsageFilter) unfiltered() bool {
	f.Sort, f.Desc, f.StateFilter = "", false, StateFilter{State: f.State}
	return f == UsageFilter{}
}

// environments is "from environments where ..." of those that a report is of.
func (f StateFilter) environments() where {
	if f.Environment == "" {
		return statement("from environments")
	}
	return statement("from environments where lower(name) = (select lower(?))", truncated(f.Environment, maxSearch))
}

// statement is a piece of SQL with its arguments.
func statement(sql string, args ...any) where { return where{[]string{sql}, args} }

// renamed are the owners that run under another name than they have, by environment:
// their calls and tokens go by that name until the next deploy.
const renamed = `select x.kind, d.name, x.name as now, lower(d.name) as key, x.key as now_key, n.name as environment
	from deployments d join owners x on x.id = d.owner_id join environments n on n.id = d.environment_id
	where d.renamed and x.project_id = ?`

// someRenamed tells, where an order is that of figures, whether there are any. Nearly
// always there are none, and then figures are summed up in one go.
func someRenamed(ctx context.Context, tx *gorm.DB, project Project, sort string) (bool, error) {
	if sort != "calls" && sort != "tokens" {
		return false, nil
	}
	list, err := query[bool](ctx, tx, "select exists ("+renamed+")", project.ID)
	if err != nil {
		return false, fmt.Errorf("look for renamed owners: %w", err)
	}
	return first(list), nil
}

// callsByOwner are the calls of the last day in some environments by the keys of
// owners, where there were any; where one runs under another name, if there are such,
// those of that name. The sum is made of floats, which is quicker and exact far beyond
// what a day has.
func (s *Store) callsByOwner(project Project, in where, some bool) where {
	last := s.lastDay()
	calls := "(" + last.calls() + ")::float8"
	of := " from call_days where project = ? and " + last.days() + " and environment = any(array(select name " + in.sql() + "))"
	sql := "select lower(proxy) as owner, " + calls + " as calls" + of + " and proxy <> ''" +
		" union all select lower(proxy_group), " + calls + of + " and proxy_group <> ''"
	var args []any
	for range 2 {
		args = append(append(args, project.Name), in.args...)
	}
	if some {
		instead := " union all select r.now_key, case when %[1]s = r.name then 1 else -1 end * " + calls + " from (" + renamed + ") r join call_days d on d.project = ? and " + last.days() +
			" and d.environment = r.environment and %[1]s in (r.name, r.now) where r.kind = '%[2]s' and r.environment in (select name " + in.sql() + ")"
		sql += fmt.Sprintf(instead, "proxy", engine.KindProxy) + fmt.Sprintf(instead, "proxy_group", engine.KindProxyGroup)
		for range 2 {
			args = append(append(args, project.ID, project.Name), in.args...)
		}
	}
	return statement("select owner, sum(calls)::bigint as figure from ("+sql+") c group by 1 having sum(calls) > 0", args...)
}

// tokensByPlace are the live tokens in some environments by the keys of owners and
// policies; where one runs under another name, if there are such, those of that name.
// Where nothing is revoked, tokens are not asked for it one by one.
func tokensByPlace(project Project, in where, some bool) where {
	live := " from token_requests t where " + tokenEnds + " > now() and t.project = ? and t.operation in ('ISSUE', 'REFRESH', 'REGENERATE') and t.environment = any(array(select name " + in.sql() +
		")) and not (exists (select from revocations) and " + revokedToken + ")"
	args := append([]any{project.Name}, in.args...)
	if !some {
		return statement("select lower(t.owner) as owner, lower(t.policy) as policy, count(*) as figure"+live+" group by 1, 2", args...)
	}
	return statement("with live as materialized (select lower(t.owner) as owner, t.environment, lower(t.policy) as policy, count(*) as tokens"+live+" group by t.owner, t.environment, t.policy),"+`
		renamed as materialized (`+renamed+`)
		select owner, policy, sum(tokens)::bigint as figure from (
			select l.owner, l.policy, l.tokens from live l where (l.owner, l.environment) not in (select r.now_key, r.environment from renamed r)
			union all select r.now_key, l.policy, l.tokens from live l join renamed r on r.key = l.owner and r.environment = l.environment
		) o group by 1, 2`, append(args, project.ID)...)
}
