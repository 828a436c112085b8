-- +goose Up
-- What the nodes screen shows besides: which generation a node really runs, whether that
-- is off its own disk, and since when its process is there.
alter table nodes
  add column running    bigint      not null default 0,
  add column kept       boolean     not null default false,
  add column started_at timestamptz not null default now();

comment on column nodes.generation is 'The one that the node was asked to run last.';
comment on column nodes.running is 'The one that it runs; another one when it could not take the last one over.';
comment on column nodes.kept is 'It runs its last good bundle off its own disk, as it started without the database.';
comment on column nodes.started_at is 'By the clock of the node.';
