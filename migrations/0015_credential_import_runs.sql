-- +goose Up
alter table credential_imports
  add column update_existing boolean     not null default false,
  add column state           text        not null default 'KEPT' check (state in ('KEPT', 'RUNNING', 'DONE', 'CHANGED', 'FAILED', 'INTERRUPTED')),
  add column run             integer     not null default 0,
  add column digest          text        not null default '',
  add column hashed          integer     not null default 0,
  add column to_hash         integer     not null default 0 check (hashed <= to_hash),
  add column creates         integer     not null default 0,
  add column updates         integer     not null default 0,
  add column skips           integer     not null default 0,
  add column reason          text        not null default '',
  add column alive_until     timestamptz not null default now(),
  add check ((state = 'DONE') = (content = ''));
create unique index credential_imports_running on credential_imports (created_by) where state = 'RUNNING';
drop index credential_imports_created_at;
create index credential_imports_alive_until on credential_imports (alive_until);

comment on table credential_imports is 'Files of credentials from their preview to the end of their import and half an hour beyond, so that no secret goes back to the browser and any node can tell how far an import is.';
comment on column credential_imports.content is 'Sealed under the master key for credential_imports/<id>/content; empty once it is imported.';
comment on column credential_imports.run is 'Counts the starts. A run writes only while the row is RUNNING under its number, so that one that was taken for dead cannot write after its successor.';
comment on column credential_imports.hashed is 'Of to_hash secrets. When there are none left, the credentials are being written.';
comment on column credential_imports.creates is 'With updates and skips: what the confirmed plan does to how many credentials.';
comment on column credential_imports.reason is 'Why a run failed, in words for whoever began it.';
comment on column credential_imports.alive_until is 'While RUNNING: until when the node is believed to be at it, by the clock of the database. Otherwise when the row last changed.';
