-- +goose Up
create table package_imports (
  id         uuid        primary key,
  project_id uuid        not null references projects (id) on delete cascade,
  content    bytea       not null,
  choices    bytea       not null,
  created_by text        not null,
  touched_at timestamptz not null
);
create index package_imports_project on package_imports (project_id);
create unique index package_imports_created_by on package_imports (created_by);
create index package_imports_touched_at on package_imports (touched_at);

comment on table package_imports is 'Packages from their upload to their import, at most for half an hour. One for each person.';
comment on column package_imports.content is 'Sealed under the master key for package_imports/<id>/content/<session>, as a package says how an installation is made. A package that still needs its passphrase is kept as it came.';
comment on column package_imports.choices is 'Sealed for package_imports/<id>/choices/<session>, as it has the secrets that were typed; empty while there are none.';
comment on column package_imports.touched_at is 'When somebody last worked on it.';
