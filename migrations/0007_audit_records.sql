-- +goose Up
create table audit_records (
  id             bigint      generated always as identity primary key,
  at             timestamptz not null,
  actor_id       uuid,
  actor          text        not null,
  client         text        not null,
  correlation_id text        not null,
  action         text        not null check (action <> ''),
  kind           text        not null check (kind <> ''),
  object_id      text        not null,
  object_name    text        not null,
  project        text        not null,
  before         jsonb,
  after          jsonb
);
create index audit_records_at on audit_records (at);
create index audit_records_object on audit_records (object_id);
create index audit_records_actor on audit_records (lower(actor));

create trigger audit_records_are_kept before update or delete on audit_records
  for each row execute function refuse_change();
create trigger audit_records_are_not_emptied before truncate on audit_records
  for each statement execute function refuse_change();

comment on table audit_records is 'Every change and every sign-in, append-only. Names are copied, not referenced, so that a record outlives what it is about.';
comment on column audit_records.actor_id is 'Null for the system and for a failed sign-in.';
comment on column audit_records.before is 'Null when there was nothing before, or nothing to show. Never holds a secret.';
