-- +goose Up
-- Lists and reports are in the order of names without case, and look for a text in
-- them; the reports have a line for each binding, so that bindings repeat the keys.
alter table owners add column key text not null generated always as (lower(name)) stored, add constraint owners_key unique (id, key);
alter table policies add column key text not null generated always as (lower(name)) stored, add constraint policies_key unique (id, key);

alter table policy_bindings add column project_id uuid, add column owner_key text, add column policy_key text;
update policy_bindings b set project_id = x.project_id, owner_key = x.key from owners x where x.id = b.owner_id;
update policy_bindings b set policy_key = p.key from policies p where p.id = b.policy_id;
set constraints all immediate;
alter table policy_bindings
  alter column project_id set not null,
  alter column owner_key set not null,
  drop constraint policy_bindings_proxy_id_fkey,
  drop constraint policy_bindings_policy_id_fkey,
  add constraint policy_bindings_policy_key check ((policy_id is null) = (policy_key is null)),
  add constraint policy_bindings_owner_named foreign key (owner_id, owner_key) references owners (id, key) on update cascade on delete cascade,
  add constraint policy_bindings_policy_named foreign key (policy_id, policy_key) references policies (id, key) on update cascade on delete no action;
create index policy_bindings_report on policy_bindings (project_id, policy_key, owner_key);

comment on column owners.key is 'The name as lists are ordered by it.';
comment on column policies.key is 'The name as lists are ordered by it.';
comment on column policy_bindings.owner_key is 'That of the owner. A foreign key keeps it, also against a rename that is under way.';
comment on column policy_bindings.policy_key is 'That of the policy, as owner_key; null for a policy group.';

-- +goose StatementBegin
create function name_bindings() returns trigger language plpgsql as $$
begin
  select x.project_id, x.key into new.project_id, new.owner_key from owners x where x.id = new.owner_id;
  new.policy_key = (select p.key from policies p where p.id = new.policy_id);
  return new;
end
$$;
-- +goose StatementEnd
create trigger policy_bindings_are_named before insert or update of owner_id, policy_id on policy_bindings for each row execute function name_bindings();

-- The name under which an owner runs in an environment, which is that of its calls and tokens there.
alter table deployments add column name text not null default '', add column owner_key text;
update deployments d set owner_key = x.key, name = coalesce((select definition ->> 'name' from revisions r where r.id = d.revision_id), '') from owners x where x.id = d.owner_id;
set constraints all immediate;
alter table deployments
  alter column name drop default,
  alter column owner_key set not null,
  drop constraint deployments_proxy_id_fkey,
  add constraint deployments_owner_named foreign key (owner_id, owner_key) references owners (id, key) on update cascade on delete cascade;
create index deployments_renamed on deployments (owner_id) where revision_id is not null and lower(name) <> owner_key;
comment on column deployments.name is 'That of the owner in the revision that runs; empty when none does.';
comment on column deployments.owner_key is 'That of the owner, kept by the foreign key: it tells who was renamed since the deploy.';

-- Calls of the last day are those until now of today, and those since this hour of yesterday: two rows, not 24.
create table call_days (
  day         timestamptz not null,
  environment text        not null,
  project     text        not null,
  proxy_group text        not null,
  proxy       text        not null,
  c0 bigint not null, c1 bigint not null, c2 bigint not null, c3 bigint not null, c4 bigint not null, c5 bigint not null,
  c6 bigint not null, c7 bigint not null, c8 bigint not null, c9 bigint not null, c10 bigint not null, c11 bigint not null,
  c12 bigint not null, c13 bigint not null, c14 bigint not null, c15 bigint not null, c16 bigint not null, c17 bigint not null,
  c18 bigint not null, c19 bigint not null, c20 bigint not null, c21 bigint not null, c22 bigint not null, c23 bigint not null,
  primary key (project, proxy, day, environment, proxy_group)
) with (fillfactor = 70);
insert into call_days select date_trunc('day', hour, 'UTC'), environment, project, proxy_group, proxy,
  coalesce(sum(calls) filter (where h <= 0), 0), coalesce(sum(calls) filter (where h <= 1), 0), coalesce(sum(calls) filter (where h <= 2), 0),
  coalesce(sum(calls) filter (where h <= 3), 0), coalesce(sum(calls) filter (where h <= 4), 0), coalesce(sum(calls) filter (where h <= 5), 0),
  coalesce(sum(calls) filter (where h <= 6), 0), coalesce(sum(calls) filter (where h <= 7), 0), coalesce(sum(calls) filter (where h <= 8), 0),
  coalesce(sum(calls) filter (where h <= 9), 0), coalesce(sum(calls) filter (where h <= 10), 0), coalesce(sum(calls) filter (where h <= 11), 0),
  coalesce(sum(calls) filter (where h <= 12), 0), coalesce(sum(calls) filter (where h <= 13), 0), coalesce(sum(calls) filter (where h <= 14), 0),
  coalesce(sum(calls) filter (where h <= 15), 0), coalesce(sum(calls) filter (where h <= 16), 0), coalesce(sum(calls) filter (where h <= 17), 0),
  coalesce(sum(calls) filter (where h <= 18), 0), coalesce(sum(calls) filter (where h <= 19), 0), coalesce(sum(calls) filter (where h <= 20), 0),
  coalesce(sum(calls) filter (where h <= 21), 0), coalesce(sum(calls) filter (where h <= 22), 0), coalesce(sum(calls) filter (where h <= 23), 0)
  from (select *, extract(hour from hour at time zone 'UTC') as h from call_hours) c group by 1, 2, 3, 4, 5;
drop table call_hours;
create index call_days_group on call_days (project, proxy_group, day) where proxy_group <> '';
create index call_days_day on call_days (day);

comment on table call_days is 'How many calls each API proxy had on each day of UTC, by the names under which it was deployed; gateway nodes add to it every few seconds.';
comment on column call_days.proxy_group is 'The proxy group through which the calls came; empty for none.';
comment on column call_days.proxy is 'Empty where no proxy of the group answered.';
comment on column call_days.c0 is 'The calls of the first hour of the day; c1 those of the first two, and c23 those of the whole day.';
