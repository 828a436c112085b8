-- +goose Up
create table call_hours (
  hour        timestamptz not null,
  environment text        not null,
  project     text        not null,
  proxy_group text        not null,
  proxy       text        not null,
  calls       bigint      not null check (calls > 0),
  primary key (project, proxy, hour, environment, proxy_group)
) with (fillfactor = 70);
create index call_hours_group on call_hours (project, proxy_group, hour) where proxy_group <> '';
create index call_hours_hour on call_hours (hour);

comment on table call_hours is 'How many calls each API proxy had in each hour, by the names under which it was deployed; gateway nodes add to it every few seconds.';
comment on column call_hours.proxy_group is 'The proxy group through which the calls came; empty for none.';
comment on column call_hours.proxy is 'Empty where no proxy of the group answered.';

-- Live tokens of an owner are counted beside each of the places in which it runs a
-- policy, so that has to be cheap for many owners at once.
create index token_requests_owner_live on token_requests
  (owner, environment, (case when token_id <> '' then coalesce(expires_at, 'infinity'::timestamptz) end));

create table bulk_deploys (
  id             uuid        primary key,
  project_id     uuid        not null references projects (id) on delete cascade,
  environment_id uuid        not null references environments (id) on delete cascade,
  subject        text        not null check (subject in ('POLICY', 'POLICY_GROUP')),
  subject_id     uuid        not null,
  policy_type    text        not null,
  name           text        not null,
  filter         text        not null check (filter in ('ALL', 'LIVE', 'REDEPLOY')),
  note           text        not null,
  state          text        not null check (state in ('RUNNING', 'DONE', 'CANCELLED', 'INTERRUPTED')),
  run            integer     not null default 1,
  cancelled_by   text        not null default '',
  created_at     timestamptz not null,
  created_by     text        not null,
  ended_at       timestamptz,
  alive_until    timestamptz not null default now()
);
create index bulk_deploys_project on bulk_deploys (project_id, created_at);
create index bulk_deploys_environment on bulk_deploys (environment_id);

comment on table bulk_deploys is 'Deploys of everything that uses a global policy or a policy group, one after the other, so that any node can tell how far one is.';
comment on column bulk_deploys.subject_id is 'The policy or the owner; no foreign key, as the record outlives it.';
comment on column bulk_deploys.run is 'Counts the starts. A run writes only while the row is RUNNING under its number, so that one that was taken for dead cannot write after its successor.';
comment on column bulk_deploys.cancelled_by is 'Who asked to stop; the run ends before its next owner.';
comment on column bulk_deploys.alive_until is 'While RUNNING: until when the process is believed to be at it, by the clock of the database.';

create table bulk_deploy_owners (
  bulk_deploy_id uuid        not null references bulk_deploys (id) on delete cascade,
  position       integer     not null check (position > 0),
  owner_id       uuid        not null,
  kind           text        not null,
  name           text        not null,
  state          text        not null default 'WAITING' check (state in ('WAITING', 'DEPLOYED', 'LEFT_OUT', 'FAILED')),
  revision       integer     not null default 0,
  generation     bigint      not null default 0,
  detail         text        not null default '',
  ended_at       timestamptz,
  primary key (bulk_deploy_id, position)
);

comment on table bulk_deploy_owners is 'What became of each owner of a bulk deploy. That it was deployed is written with the deploy itself.';
comment on column bulk_deploy_owners.owner_id is 'No foreign key: what is deleted meanwhile keeps its line.';
