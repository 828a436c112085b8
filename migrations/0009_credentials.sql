-- +goose Up
create table credential_roles (
  id          uuid        primary key,
  project_id  uuid        not null references projects (id) on delete cascade,
  name        text        not null check (name <> ''),
  description text        not null,
  version     integer     not null check (version > 0),
  created_at  timestamptz not null,
  created_by  text        not null,
  updated_at  timestamptz not null,
  updated_by  text        not null
);
create unique index credential_roles_name on credential_roles (name);
create index credential_roles_project on credential_roles (project_id);

comment on table credential_roles is 'Roles of the secret manager. Their names are compared exactly and are unique over all projects, as tokens carry nothing but the name.';

create table credentials (
  id                uuid        primary key,
  project_id        uuid        not null references projects (id) on delete cascade,
  name              text        not null check (name <> ''),
  description       text        not null,
  full_name         text        not null,
  email             text        not null,
  enabled           boolean     not null,
  expires_at        timestamptz,
  secret_hash       text        not null check (secret_hash like '$argon2id$%'),
  secret_changed_at timestamptz not null,
  networks          jsonb       not null check (jsonb_typeof(networks) = 'array'),
  metadata          jsonb       not null check (jsonb_typeof(metadata) = 'array'),
  tokens            jsonb       not null check (jsonb_typeof(tokens) = 'object'),
  version           integer     not null check (version > 0),
  created_at        timestamptz not null,
  created_by        text        not null,
  updated_at        timestamptz not null,
  updated_by        text        not null
);
create unique index credentials_name on credentials (lower(name));
create index credentials_project_name on credentials (project_id, lower(name));
create index credentials_updated_at on credentials (project_id, updated_at);
create index credentials_expires_at on credentials (project_id, expires_at);

comment on table credentials is 'Users and clients of the secret manager.';
comment on column credentials.name is 'User name and client id, unique over all projects without regard to case: a token request does not say which project it is for.';
comment on column credentials.expires_at is 'Null: never.';
comment on column credentials.networks is 'Prefixes that it may be used from; empty means any.';
comment on column credentials.metadata is 'Secret values are sealed under the master key for credentials/<id>/metadata/<key>.';

create table credential_role_members (
  credential_id uuid not null references credentials (id) on delete cascade,
  role_id       uuid not null references credential_roles (id) on delete no action,
  primary key (credential_id, role_id)
);
create index credential_role_members_role on credential_role_members (role_id);

comment on table credential_role_members is 'Who has which role. A role that somebody has cannot be deleted.';

create table credential_environments (
  credential_id  uuid    not null references credentials (id) on delete cascade,
  environment_id uuid    not null references environments (id) on delete cascade,
  secret_hash    text    check (secret_hash like '$argon2id$%'),
  networks       jsonb   check (jsonb_typeof(networks) = 'array'),
  disabled       boolean not null,
  primary key (credential_id, environment_id)
);
create index credential_environments_environment on credential_environments (environment_id);

comment on table credential_environments is 'What differs in one environment. Null: as everywhere.';
comment on column credential_environments.disabled is 'There is no opposite: a credential that is disabled is disabled everywhere.';

create table credential_access (
  id             uuid        primary key,
  credential_id  uuid        not null references credentials (id) on delete cascade,
  proxy_id       uuid        not null references api_proxies (id) on delete cascade,
  expires_at     timestamptz,
  denied_methods jsonb       not null check (jsonb_typeof(denied_methods) = 'array'),
  version        integer     not null check (version > 0),
  created_at     timestamptz not null,
  created_by     text        not null,
  updated_at     timestamptz not null,
  updated_by     text        not null
);
create unique index credential_access_grant on credential_access (credential_id, proxy_id);
create index credential_access_proxy on credential_access (proxy_id);

comment on table credential_access is 'Which credential may use which API. No row, no access.';
comment on column credential_access.expires_at is 'Null: never.';
comment on column credential_access.denied_methods is 'HTTP methods that are not covered, in capitals.';

create table credential_imports (
  id         uuid        primary key,
  project_id uuid        not null references projects (id) on delete cascade,
  content    bytea       not null,
  created_at timestamptz not null,
  created_by text        not null
);
create index credential_imports_project on credential_imports (project_id);
create index credential_imports_created_at on credential_imports (created_at);

comment on table credential_imports is 'Files between their preview and their import, at most for half an hour, so that no secret goes back to the browser.';
comment on column credential_imports.content is 'Sealed under the master key for credential_imports/<id>/content.';
