-- +goose Up
create table revisions (
  id             uuid        primary key,
  proxy_id       uuid        not null references api_proxies (id) on delete cascade,
  environment_id uuid        not null references environments (id) on delete cascade,
  number         integer     not null check (number > 0),
  definition     json        not null,
  digest         text        not null check (digest ~ '^[0-9a-f]{64}$'),
  note           text        not null,
  created_at     timestamptz not null,
  created_by     text        not null,
  constraint revisions_place unique (id, proxy_id, environment_id)
);
create unique index revisions_number on revisions (proxy_id, number);
create index revisions_base_path on revisions (environment_id, (definition #>> '{route,basePath}'));

comment on table revisions is 'What was deployed, frozen: a proxy with its policies embedded.';
comment on column revisions.definition is 'json and not jsonb: the digest is that of these very bytes.';
comment on column revisions.number is 'Counts the deploys of a proxy from 1, over all environments.';

create table deployments (
  proxy_id       uuid        not null references api_proxies (id) on delete cascade,
  environment_id uuid        not null references environments (id) on delete cascade,
  revision_id    uuid,
  updated_at     timestamptz not null,
  updated_by     text        not null,
  primary key (proxy_id, environment_id),
  foreign key (revision_id, proxy_id, environment_id)
    references revisions (id, proxy_id, environment_id) on delete no action
);
create index deployments_environment on deployments (environment_id) where revision_id is not null;
create index deployments_revision on deployments (revision_id, proxy_id, environment_id);

comment on table deployments is 'Which revision of a proxy an environment runs.';
comment on column deployments.revision_id is 'Null after an undeploy; no row at all when it was never deployed.';

-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
-- +goose StatementEnd

create trigger revisions_are_immutable before update on revisions
  for each row execute function refuse_change();

create table nodes (
  node           text        not null check (node <> ''),
  environment_id uuid        not null references environments (id) on delete cascade,
  version        text        not null,
  generation     bigint      not null,
  ok             boolean     not null,
  message        text        not null,
  reported_at    timestamptz not null,
  primary key (node, environment_id)
);
create index nodes_environment on nodes (environment_id, reported_at);

comment on table nodes is 'What each gateway node runs, as it last said itself.';
comment on column nodes.reported_at is 'By the clock of the database, which all nodes share.';
