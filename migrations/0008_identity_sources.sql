-- +goose Up
create table identity_sources (
  id          uuid        primary key,
  project_id  uuid        not null references projects (id) on delete cascade,
  kind        text        not null check (kind <> ''),
  name        text        not null check (name <> ''),
  description text        not null,
  config      jsonb       not null check (jsonb_typeof(config) = 'object'),
  secrets     bytea       not null,
  version     integer     not null check (version > 0),
  created_at  timestamptz not null,
  created_by  text        not null,
  updated_at  timestamptz not null,
  updated_by  text        not null
);
create unique index identity_sources_name on identity_sources (project_id, lower(name));
create index identity_sources_updated_at on identity_sources (project_id, updated_at);

comment on table identity_sources is 'Where users are checked and roles are read: LDAP, a database, an API. The secret manager is built in and has no row.';
comment on column identity_sources.config is 'The flat JSON object of the kind, without secrets. Columns repeat from it only what is searched, sorted or unique.';
comment on column identity_sources.secrets is 'All secrets as one JSON object, sealed under the master key for identity_sources/<id>/secrets; empty when there are none.';

create table policy_identity_sources (
  policy_id uuid not null references policies (id) on delete cascade,
  field     text not null check (field <> ''),
  source_id uuid not null references identity_sources (id) on delete no action,
  primary key (policy_id, field)
);
create index policy_identity_sources_source on policy_identity_sources (source_id);

comment on table policy_identity_sources is 'Which sources the configuration of a policy names, and in which field. A source that one names cannot be deleted.';
