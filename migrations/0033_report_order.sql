-- +goose Up
-- Reports read a page of places out of an index in its order, and join what they say of them afterwards. So
-- bindings say what their owner is, and where in it they stand.
-- +goose StatementBegin
create function refuse_other_kind() returns trigger language plpgsql as $$
begin
  raise exception 'the kind of an owner never changes' using errcode = 'insufficient_privilege';
end
$$;
-- +goose StatementEnd
create trigger owners_keep_their_kind before update of kind, project_id on owners for each row
  when (old.kind <> new.kind or old.project_id <> new.project_id) execute function refuse_other_kind();

alter table policy_bindings
  add column owner_kind text,
  add column lane integer not null generated always as (case pipeline when 'REQUEST' then 1 when 'RESPONSE' then 2 else 3 end) stored,
  add column of_endpoint boolean not null generated always as (endpoint_id is not null) stored;
update policy_bindings b set owner_kind = x.kind from owners x where x.id = b.owner_id;
set constraints all immediate;
alter table policy_bindings alter column owner_kind set not null;

-- +goose StatementBegin
create or replace function name_bindings() returns trigger language plpgsql as $$
begin
  select x.project_id, x.key, x.kind into new.project_id, new.owner_key, new.owner_kind from owners x where x.id = new.owner_id;
  new.policy_key = (select p.key from policies p where p.id = new.policy_id);
  return new;
end
$$;
-- +goose StatementEnd

drop index policy_bindings_report;
create index policy_bindings_report on policy_bindings (project_id, policy_key, owner_key, of_endpoint, lane, position, id)
  include (owner_id, policy_id, endpoint_id, owner_kind) where policy_id is not null;
create index policy_bindings_owner on policy_bindings (project_id, owner_key, policy_key, of_endpoint, lane, position, id)
  include (owner_id, policy_id, group_id, endpoint_id, owner_kind);
drop index policy_bindings_policy;
create index policy_bindings_policy on policy_bindings (policy_id, owner_key, owner_id) include (owner_kind, project_id) where policy_id is not null;
drop index policy_bindings_group;
create index policy_bindings_group on policy_bindings (group_id, owner_key, owner_id) include (owner_kind, project_id) where group_id is not null;

comment on column policy_bindings.owner_kind is 'That of the owner, which never changes.';
comment on column policy_bindings.lane is 'The rank of the pipeline.';

-- What may have to be deployed again is what was written since: to look that up in everything that owners are made
-- of would read the whole project each time.
create table owner_changes (
  owner_id   uuid        primary key references owners (id) on delete cascade,
  project_id uuid        not null references projects (id) on delete cascade,
  at         timestamptz not null
) with (fillfactor = 70);
create index owner_changes_project on owner_changes (project_id);

comment on table owner_changes is 'When an owner, or something that it is made of, was last written: its policies, its policy groups, its members and what these are made of; or when an earlier revision of it was deployed. Triggers keep it, so that no writer can forget it.';

-- All that is made of the owners of a table, itself included. Whoever changes which parts an owner has writes the owner.
-- +goose StatementBegin
create function note_owner_changes() returns trigger language plpgsql as $$
begin
  insert into owner_changes as c (owner_id, project_id, at)
  select x.id, x.project_id, max(w.at) from (
    with bound as (
      select id as owner_id, updated_at as at from written
      union all select b.owner_id, w.updated_at from written w join policy_bindings b on b.group_id = w.id
    )
    select * from bound
    union all select m.group_id, b.at from bound b join proxy_group_members m on m.proxy_id = b.owner_id
  ) w join owners x on x.id = w.owner_id group by 1, 2 order by 1
  on conflict (owner_id) do update set at = excluded.at where c.at < excluded.at;
  return null;
end
$$;
create function note_policy_changes() returns trigger language plpgsql as $$
begin
  update owner_changes c set at = w.at from (
    with bound as (
      select b.owner_id, w.updated_at as at from written w join policy_bindings b on b.policy_id = w.id
    ), holding as (
      select * from bound
      union all select b.owner_id, g.at from bound g join policy_bindings b on b.group_id = g.owner_id
    )
    select owner_id, max(at) as at from (
      select * from holding
      union all select m.group_id, h.at from holding h join proxy_group_members m on m.proxy_id = h.owner_id
    ) a group by 1 order by 1
  ) w where c.owner_id = w.owner_id and c.at < w.at;
  return null;
end
$$;
-- +goose StatementEnd
create trigger owners_note_insert after insert on owners referencing new table as written for each statement execute function note_owner_changes();
create trigger owners_note_update after update on owners referencing new table as written for each statement execute function note_owner_changes();
create trigger policies_note_update after update on policies referencing new table as written for each statement execute function note_policy_changes();

with bound as (
  select owner_id, owner_id as part from policy_bindings
  union select owner_id, group_id from policy_bindings where group_id is not null
), written as (
  select id as owner_id, updated_at as at from owners
  union all select b.owner_id, x.updated_at from bound b join owners x on x.id = b.part
  union all select b.owner_id, p.updated_at from bound b join policy_bindings i on i.owner_id = b.part join policies p on p.id = i.policy_id
), latest as (
  select owner_id, max(at) as at from written group by 1
)
insert into owner_changes
select x.id, x.project_id, greatest(l.at, (select max(o.at) from proxy_group_members m join latest o on o.owner_id = m.proxy_id where m.group_id = x.id))
from owners x join latest l on l.owner_id = x.id;

-- After a roll back what runs is older than what is edited, which need not have been written since.
update owner_changes c set at = greatest(c.at, d.updated_at) from deployments d join revisions r on r.id = d.revision_id
  where d.owner_id = c.owner_id and exists (select from revisions o where o.owner_id = r.owner_id and o.number < r.number and o.digest = r.digest);
