-- +goose Up
create table variables (
  id         uuid        primary key,
  project_id uuid        not null references projects (id) on delete cascade,
  name       text        not null check (name <> ''),
  definition jsonb       not null check (jsonb_typeof(definition) = 'object'),
  version    integer     not null check (version > 0),
  created_at timestamptz not null,
  created_by text        not null,
  updated_at timestamptz not null,
  updated_by text        not null
);
create unique index variables_name on variables (project_id, lower(name));

comment on table variables is 'Named values of a request that the conditions of a project can refer to. They are put into what is deployed.';

create table environment_variables (
  id             uuid        primary key,
  environment_id uuid        not null references environments (id) on delete cascade,
  name           text        not null check (name ~ '^[A-Za-z_][A-Za-z0-9_]*$'),
  value          text        not null,
  version        integer     not null check (version > 0),
  created_at     timestamptz not null,
  created_by     text        not null,
  updated_at     timestamptz not null,
  updated_by     text        not null
);
create unique index environment_variables_name on environment_variables (environment_id, name);

comment on table environment_variables is 'What ${NAME} stands for in an environment. It is put into what is deployed, and is no place for secrets.';
