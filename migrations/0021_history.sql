-- +goose Up
create table revision_pins (
  revision_id uuid        primary key references revisions (id) on delete cascade,
  pinned_at   timestamptz not null,
  pinned_by   text        not null
);

comment on table revision_pins is 'Revisions that retention leaves alone. Not a column of revisions, as those never change.';

create index revisions_place_number on revisions (owner_id, environment_id, number);
