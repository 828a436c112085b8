-- +goose Up
alter table api_proxies rename to owners;
alter table api_proxy_routes rename to owner_routes;
alter table owner_routes rename column proxy_id to owner_id;
alter table api_proxy_endpoints rename column proxy_id to owner_id;
alter table policies rename column owner_proxy_id to owner_id;
alter table policy_bindings rename column proxy_id to owner_id;
alter table revisions rename column proxy_id to owner_id;
alter table deployments rename column proxy_id to owner_id;
alter table signers rename column proxy_id to owner_id;
alter table credential_access rename column proxy_id to owner_id;

alter index api_proxies_client_id rename to owners_client_id;
alter index api_proxies_base_path rename to owners_base_path;
alter index api_proxy_routes_claim rename to owner_routes_claim;
alter index credential_access_proxy rename to credential_access_owner;
alter trigger api_proxies_client_name on owners rename to owners_client_name;

alter table owners
  add column kind text not null default 'PROXY' check (kind in ('PROXY', 'PROXY_GROUP', 'POLICY_GROUP')),
  add column block_direct_access boolean not null default false,
  add column active boolean not null default false,
  add column pipeline text not null default '',
  add column rank integer not null default 0,
  add column make_default boolean not null default false,
  drop constraint api_proxies_base_path_check,
  add constraint owners_route check (case when kind = 'POLICY_GROUP' then base_path = '' else base_path like '/_%' end),
  add constraint owners_upstream check (kind = 'PROXY' or upstream_url = ''),
  add constraint owners_pipeline check (case when kind = 'POLICY_GROUP' then pipeline in ('REQUEST', 'RESPONSE', 'ERROR') else pipeline = '' end);
alter table owners alter column kind drop default;

-- APIs, which callers name, share one space of names; policy groups have their own.
drop index api_proxies_name;
create unique index owners_name on owners (project_id, lower(name)) where kind <> 'POLICY_GROUP';
create unique index owners_name_policy_group on owners (project_id, lower(name)) where kind = 'POLICY_GROUP';
drop index api_proxies_updated_at;
create index owners_updated_at on owners (project_id, kind, updated_at);
create index owners_default on owners (project_id) where make_default;

comment on table owners is 'What policies are bound to and what is deployed, as it is edited: API proxies, proxy groups and policy groups. What runs is in revisions.';
comment on column owners.kind is 'Proxies and proxy groups have a route, only proxies an upstream and endpoints, only policy groups a pipeline.';
comment on column owners.block_direct_access is 'Of a proxy group: its members answer through it only.';
comment on column owners.active is 'The switch of a policy group; false for the others.';
comment on column owners.rank is 'The order of a policy group among those of a lane.';
comment on column owners.make_default is 'The policy group is bound to every new API proxy.';

create table proxy_group_members (
  group_id uuid    not null references owners (id) on delete cascade,
  proxy_id uuid    not null references owners (id) on delete cascade,
  position integer not null check (position > 0),
  primary key (group_id, proxy_id),
  constraint proxy_group_members_order unique (group_id, position) deferrable initially deferred
);
create index proxy_group_members_proxy on proxy_group_members (proxy_id);

comment on table proxy_group_members is 'The proxies of a proxy group, in order. A proxy may be in several groups.';

alter table policy_bindings
  alter column policy_id drop not null,
  add column group_id uuid references owners (id) on delete no action,
  add constraint policy_bindings_what check ((policy_id is null) <> (group_id is null));
create index policy_bindings_group on policy_bindings (group_id) where group_id is not null;

comment on table policy_bindings is 'Which policies and policy groups an owner runs, in which lane and in which order.';
comment on column policy_bindings.group_id is 'A policy group, which takes one place; then policy_id is null.';

-- +goose StatementBegin
create or replace function keep_signers() returns trigger language plpgsql as $$
begin
  delete from signers where owner_id = new.owner_id and environment_id = new.environment_id;
  insert into signers (owner_id, environment_id, position, project_id, policy, key_name, algorithm, unending, amount, unit)
  select new.owner_id, new.environment_id, p.position, x.project_id, coalesce(p.policy ->> 'name', ''),
    coalesce(p.policy ->> 'signingKeyName', ''), p.policy ->> 'jwtSignatureAlgorithm', coalesce((p.policy ->> 'tokenNeverExpires')::boolean, true),
    coalesce((p.policy ->> 'tokenExpiresInAmount')::bigint, 0), coalesce(p.policy ->> 'tokenExpiresInUnit', '')
  from revisions r join owners x on x.id = r.owner_id cross join lateral definition_policies(x.kind, r.definition) with ordinality p (policy, position)
  where r.id = new.revision_id and (p.policy ->> 'active')::boolean and coalesce(p.policy ->> 'jwtSignatureAlgorithm', '') <> '';
  return null;
end
$$;

-- Every policy of a definition, wherever it stands in it.
create function definition_policies(kind text, definition json) returns setof json language sql immutable parallel safe as $$
  with bound as (
    select b.value as slot, array[0, b.ordinality] as place from json_array_elements(definition -> 'policies') with ordinality b where kind <> 'POLICY_GROUP'
    union all
    select b.value, array[m.ordinality, b.ordinality] from json_array_elements(definition -> 'members') with ordinality m
      cross join lateral json_array_elements(m.value #> '{proxy,policies}') with ordinality b
  )
  select policy from (
    select slot -> 'policy' as policy, place || 0::bigint as place from bound where slot -> 'policy' is not null
    union all
    select g.value, place || g.ordinality from bound cross join lateral json_array_elements(slot #> '{group,policies}') with ordinality g
    union all
    select p.value, array[0, p.ordinality] from json_array_elements(definition -> 'policies') with ordinality p where kind = 'POLICY_GROUP'
  ) all_policies order by place
$$;
-- +goose StatementEnd
