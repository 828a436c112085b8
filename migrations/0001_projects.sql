-- +goose Up
create table projects (
  id          uuid        primary key,
  name        text        not null check (name <> ''),
  description text        not null,
  version     integer     not null check (version > 0),
  created_at  timestamptz not null,
  created_by  text        not null,
  updated_at  timestamptz not null,
  updated_by  text        not null
);
create unique index projects_name on projects (lower(name));

comment on table projects is 'What people work in; it owns proxies and policies.';
comment on column projects.version is 'Counts writes from 1. A write names the version it was read at; a stale one is refused.';
comment on column projects.created_by is 'A name and not a reference: it stays true when the user is gone.';
