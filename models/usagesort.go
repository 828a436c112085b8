package models

import (
	"fmt"

	"github.com/gatewright/gatewright/engine"
)

// sortedBy joins what the filter sorts by to u, a place, as s; nothing where the
// place itself has it. The figures are those that the lines show, of all their
// environments together.
func (s *Store) sortedBy(f UsageFilter, project Project) (w where) {
	join := func(sql, on string, args ...any) { w.and(" left join ("+sql+") s on "+on, args...) }
	ofOwner, ofPolicy := "s.id = u.owner_id", "s.id = u.policy_id"
	switch f.Sort {
	case "type", "status":
		join("select id, type, active from policies where project_id = ?", ofPolicy, project.ID)
	case "kind":
		join("select id, kind from owners where project_id = ?", ofOwner, project.ID)
	case "scope":
		join("select id, method || ' ' || path as scope from api_proxy_endpoints", "s.id = u.endpoint_id")
	case "deployed":
		of := f.environments()
		join("select owner_id as id, count(*) as deployed from deployments where revision_id is not null and environment_id in (select id "+of.sql()+") group by 1", ofOwner, of.args...)
	case "calls":
		of := s.callsByOwner(project, f.environments())
		join(of.sql(), "s.owner = u.owner_key and u.owner_id not in (select id from owners where project_id = ? and kind = 'POLICY_GROUP')", append(of.args, project.ID)...)
	case "tokens":
		of := tokensByPlace(project, f.environments())
		join(of.sql(), "s.owner = u.owner_key and s.policy = u.policy_key", of.args...)
	}
	return w
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
	where d.revision_id is not null and lower(d.name) <> d.owner_key and x.project_id = ?`

// callsByOwner are the calls of the last day in some environments by the keys of
// owners; where one runs under another name, those of that name.
func (s *Store) callsByOwner(project Project, in where) where {
	last := s.lastDay()
	of := " from call_days where project = ? and " + last.days() + " and environment = any(array(select name " + in.sql() + "))"
	instead := "case when %[1]s = r.name then 1 else -1 end * (" + last.calls() + ") from (" + renamed + ") r join call_days d on d.project = ? and " + last.days() +
		" and d.environment = r.environment and %[1]s in (r.name, r.now) where r.kind = '%[2]s' and r.environment in (select name " + in.sql() + ")"
	sql := "select owner, sum(calls)::bigint as calls from (select lower(proxy) as owner, " + last.calls() + " as calls" + of + " and proxy <> ''" +
		" union all select lower(proxy_group), " + last.calls() + of + " and proxy_group <> ''" +
		" union all select r.now_key, " + fmt.Sprintf(instead, "proxy", engine.KindProxy) +
		" union all select r.now_key, " + fmt.Sprintf(instead, "proxy_group", engine.KindProxyGroup) + ") c group by 1"
	var args []any
	for range 2 {
		args = append(append(args, project.Name), in.args...)
	}
	for range 2 {
		args = append(append(args, project.ID, project.Name), in.args...)
	}
	return statement(sql, args...)
}

// tokensByPlace are the live tokens in some environments by the keys of owners and
// policies.
func tokensByPlace(project Project, in where) where {
	return statement(`with live as materialized (select lower(t.owner) as owner, t.environment, lower(t.policy) as policy, count(*) as tokens from token_requests t
			where `+tokenEnds+` > now() and t.project = ? and t.operation in ('ISSUE', 'REFRESH', 'REGENERATE') and t.environment = any(array(select name `+in.sql()+`))
				and not `+revokedToken+` group by t.owner, t.environment, t.policy),
		renamed as materialized (`+renamed+`)
		select owner, policy, sum(tokens)::bigint as tokens from (
			select l.owner, l.policy, l.tokens from live l where (l.owner, l.environment) not in (select r.now_key, r.environment from renamed r)
			union all select r.now_key, l.policy, l.tokens from live l join renamed r on r.key = l.owner and r.environment = l.environment
		) o group by 1, 2`, append(append([]any{project.Name}, in.args...), project.ID)...)
}
