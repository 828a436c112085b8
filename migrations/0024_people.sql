-- +goose Up
alter table users drop constraint users_role_check;
alter table users drop constraint users_password_hash_check;
alter table users
  add column login_type text    not null default 'LOCAL' check (login_type in ('LOCAL', 'LDAP')),
  add column email      text    not null default '',
  add column locked     boolean not null default false,
  add constraint users_role_check check (role in ('ADMINISTRATOR', 'PROJECT_MANAGER', 'AUDITOR', 'MEMBER')),
  add constraint users_password_hash_check check (case login_type when 'LOCAL' then password_hash like '$argon2id$%' else password_hash = '' end);
alter table users alter column login_type drop default, alter column email drop default, alter column locked drop default;

comment on column users.role is 'What holds in the whole installation; a member has what the roles of a project allow.';
comment on column users.password_hash is 'Empty where the directory knows the password.';

create table roles (
  id          uuid        primary key,
  name        text        not null check (name <> ''),
  description text        not null,
  permissions jsonb       not null check (jsonb_typeof(permissions) = 'array'),
  fixed       boolean     not null,
  version     integer     not null check (version > 0),
  created_at  timestamptz not null,
  created_by  text        not null,
  updated_at  timestamptz not null,
  updated_by  text        not null
);
create unique index roles_name on roles (lower(name));

comment on table roles is 'What somebody may do in a project. Not to be confused with credential_roles, which callers of APIs have.';
comment on column roles.fixed is 'Neither edited nor deleted.';

create table project_members (
  project_id uuid        not null references projects (id) on delete cascade,
  user_id    uuid        not null references users (id) on delete cascade,
  version    integer     not null check (version > 0),
  created_at timestamptz not null,
  created_by text        not null,
  updated_at timestamptz not null,
  updated_by text        not null,
  primary key (project_id, user_id)
);
create index project_members_user on project_members (user_id);

create table project_member_roles (
  project_id uuid not null,
  user_id    uuid not null,
  role_id    uuid not null references roles (id),
  primary key (project_id, user_id, role_id),
  foreign key (project_id, user_id) references project_members on delete cascade
);
create index project_member_roles_role on project_member_roles (role_id);

create table personal_tokens (
  id           uuid        primary key,
  user_id      uuid        not null references users (id) on delete cascade,
  name         text        not null check (name <> ''),
  token_hash   text        not null unique check (token_hash <> ''),
  permissions  jsonb       check (jsonb_typeof(permissions) = 'array'),
  project_id   uuid        references projects (id) on delete cascade,
  created_at   timestamptz not null,
  expires_at   timestamptz,
  last_used_at timestamptz,
  revoked_at   timestamptz
);
create unique index personal_tokens_name on personal_tokens (user_id, lower(name)) where revoked_at is null;

create index personal_tokens_project on personal_tokens (project_id) where project_id is not null;

comment on table personal_tokens is 'Bearer tokens of the management API; the person holds the token, we only its hash.';
comment on column personal_tokens.permissions is 'Null for all that the owner may do; else no more than these.';
comment on column personal_tokens.project_id is 'Null for every project of the owner.';
comment on column personal_tokens.last_used_at is 'Written at most once a minute.';

insert into roles (id, name, description, permissions, fixed, version, created_at, created_by, updated_at, updated_by)
select gen_random_uuid(), r.name, r.description, r.permissions::jsonb, r.fixed, 1, now(), 'system', now(), 'system' from (values
  ('Project Owner', 'Everything in the project, its members too.', '["API_MANAGEMENT:VIEW","API_MANAGEMENT:MANAGE","API_MANAGEMENT:DEPLOY_UNDEPLOY","API_MANAGEMENT:EXPORT_IMPORT","GLOBAL_SETTINGS:VIEW","GLOBAL_SETTINGS:MANAGE","GLOBAL_SETTINGS:EXPORT_IMPORT","CONNECTIONS:VIEW","CONNECTIONS:MANAGE","CONNECTIONS:EXPORT_IMPORT","IDENTITY:VIEW","IDENTITY:MANAGE","IDENTITY:EXPORT_IMPORT","MONITORING:VIEW","ANALYTICS:VIEW","AUDIT:VIEW","PROJECT_MANAGEMENT:VIEW","PROJECT_MANAGEMENT:MANAGE"]', true),
  ('API Manager', 'Builds and deploys APIs with all that they need; leaves the members alone.', '["API_MANAGEMENT:VIEW","API_MANAGEMENT:MANAGE","API_MANAGEMENT:DEPLOY_UNDEPLOY","API_MANAGEMENT:EXPORT_IMPORT","GLOBAL_SETTINGS:VIEW","GLOBAL_SETTINGS:MANAGE","GLOBAL_SETTINGS:EXPORT_IMPORT","CONNECTIONS:VIEW","CONNECTIONS:MANAGE","IDENTITY:VIEW","IDENTITY:MANAGE","MONITORING:VIEW","ANALYTICS:VIEW","AUDIT:VIEW","PROJECT_MANAGEMENT:VIEW"]', false),
  ('API Developer', 'Builds and deploys APIs with the policies that there are.', '["API_MANAGEMENT:VIEW","API_MANAGEMENT:MANAGE","API_MANAGEMENT:DEPLOY_UNDEPLOY","GLOBAL_SETTINGS:VIEW","CONNECTIONS:VIEW","IDENTITY:VIEW","MONITORING:VIEW","ANALYTICS:VIEW"]', false),
  ('API Creator', 'Builds APIs; somebody else deploys them.', '["API_MANAGEMENT:VIEW","API_MANAGEMENT:MANAGE","GLOBAL_SETTINGS:VIEW","CONNECTIONS:VIEW"]', false),
  ('API Security', 'Owns policies, identity sources, credentials and who may call what.', '["API_MANAGEMENT:VIEW","GLOBAL_SETTINGS:VIEW","GLOBAL_SETTINGS:MANAGE","GLOBAL_SETTINGS:EXPORT_IMPORT","CONNECTIONS:VIEW","CONNECTIONS:MANAGE","IDENTITY:VIEW","IDENTITY:MANAGE","IDENTITY:EXPORT_IMPORT","MONITORING:VIEW","ANALYTICS:VIEW","AUDIT:VIEW"]', false),
  ('API Analytics', 'Reads figures and logs.', '["API_MANAGEMENT:VIEW","MONITORING:VIEW","ANALYTICS:VIEW"]', false),
  ('API Tester', 'Looks at APIs and at why calls were refused.', '["API_MANAGEMENT:VIEW","MONITORING:VIEW"]', false)
) as r (name, description, permissions, fixed);
