package models

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
		join(of.sql(), ofOwner, of.args...)
	case "tokens":
		of := tokensByPlace(project, f.environments())
		join(of.sql(), ofOwner+" and s.policy_id = u.policy_id", of.args...)
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
const renamed = `select d.owner_id, x.kind, x.name as now, d.name, n.name as environment from deployments d join owners x on x.id = d.owner_id and x.name <> d.name
	join environments n on n.id = d.environment_id where d.revision_id is not null and x.project_id = ?`

// callsByOwner are the calls of the last day of each owner in some environments: those
// of its name, and where it runs under another one that one's instead.
func (s *Store) callsByOwner(project Project, in where) where {
	day := s.lastDay()
	of := "from call_days where project = ? and " + day.days() + " and environment in (select name " + in.sql() + ")"
	sum := "sum(" + day.calls() + ")::bigint as calls "
	sql := `select x.id, coalesce(c.calls, 0) + coalesce(r.calls, 0) as calls from owners x
		left join (select 'PROXY' as kind, proxy as name, ` + sum + of + ` and proxy <> '' group by proxy
			union all select 'PROXY_GROUP', proxy_group, ` + sum + of + ` and proxy_group <> '' group by proxy_group) c on c.kind = x.kind and c.name = x.name
		left join (select r.owner_id, sum(case when c.name = r.name then c.calls else -c.calls end) as calls from (` + renamed + `) r
			cross join lateral (select proxy as name, ` + sum + of + ` and r.kind = 'PROXY' and proxy in (r.name, r.now) and environment = r.environment group by 1
				union all select proxy_group, ` + sum + of + ` and r.kind = 'PROXY_GROUP' and proxy_group in (r.name, r.now) and environment = r.environment group by 1) c
			group by 1) r on r.owner_id = x.id
		where x.project_id = ?`
	of1 := append([]any{project.Name}, in.args...)
	args := append(append([]any{}, of1...), of1...)
	args = append(append(append(args, project.ID), of1...), of1...)
	return statement(sql, append(args, project.ID)...)
}

// tokensByPlace are the live tokens of each owner and policy in some environments.
func tokensByPlace(project Project, in where) where {
	return statement(`with live as materialized (select t.owner, t.environment, t.policy, count(*) as tokens from token_requests t
			where `+tokenEnds+` > now() and t.project = ? and t.operation in ('ISSUE', 'REFRESH', 'REGENERATE') and t.environment in (select name `+in.sql()+`)
				and not `+revokedToken+` group by 1, 2, 3),
		renamed as materialized (`+renamed+`)
		select o.id, p.id as policy_id, sum(o.tokens) as tokens from (
			select x.id, l.policy, l.tokens from live l join owners x on x.name = l.owner
				where x.project_id = ? and not exists (select from renamed r where r.owner_id = x.id and r.environment = l.environment)
			union all select r.owner_id, l.policy, l.tokens from live l join renamed r on r.name = l.owner and r.environment = l.environment
		) o join policies p on p.name = o.policy where p.project_id = ? group by 1, 2`,
		append(append([]any{project.Name}, in.args...), project.ID, project.ID, project.ID)...)
}
