-- +goose Up
alter table audit_records add column back_to bigint;
comment on column audit_records.back_to is 'The record whose version came back with this change; null for any other change.';

-- Members see what was logged of their own projects.
create index audit_records_project on audit_records (project, at, id);
create index audit_records_at_id on audit_records (at, id);
drop index audit_records_at;
create index token_requests_project on token_requests (project, at);
create index security_events_project on security_events (project, at);
create index refusals_project on refusals (project, at);

-- The counts of hours tell projects apart. Rows from before do not know theirs
-- and are counted anew, as far as the log reaches.
drop trigger token_requests_hours on token_requests;
drop table token_request_hours;
create table token_request_hours (
  hour        timestamptz not null,
  project     text        not null,
  environment text        not null,
  grant_type  text        not null,
  source      text        not null,
  error       text        not null,
  requests    bigint      not null check (requests > 0),
  primary key (hour, project, environment, grant_type, source, error)
) with (fillfactor = 70);
create index token_request_hours_project on token_request_hours (project, hour);

comment on table token_request_hours is 'How many tokens were asked for in each hour, for figures of days and months. A trigger keeps it, so that no way into the log goes past it.';
comment on column token_request_hours.grant_type is '"regenerate" for a regeneration, and "other" for what callers make up: they must not make rows.';

-- Rows are counted in one order, so that two writers never wait for each other.
-- +goose StatementBegin
create or replace function count_token_requests() returns trigger language plpgsql as $$
begin
  insert into token_request_hours as h (hour, project, environment, grant_type, source, error, requests)
  select date_trunc('hour', at, 'UTC'), project, environment, token_request_kind(operation, grant_type), source, error, count(*)
  from added where operation in ('ISSUE', 'REFRESH', 'REGENERATE') group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6
  on conflict (hour, project, environment, grant_type, source, error) do update set requests = h.requests + excluded.requests;
  return null;
end
$$;
-- +goose StatementEnd

create trigger token_requests_hours after insert on token_requests
  referencing new table as added for each statement execute function count_token_requests();

insert into token_request_hours
select date_trunc('hour', at, 'UTC'), project, environment, token_request_kind(operation, grant_type), source, error, count(*)
from token_requests where operation in ('ISSUE', 'REFRESH', 'REGENERATE') group by 1, 2, 3, 4, 5, 6;

create table refusal_hours (
  hour        timestamptz not null,
  project     text        not null,
  environment text        not null,
  fault       text        not null,
  refusals    bigint      not null check (refusals > 0),
  primary key (project, hour, environment, fault)
) with (fillfactor = 70);
create index refusal_hours_hour on refusal_hours (hour);

comment on table refusal_hours is 'How many calls were refused in each hour and why. The record of refusals is bounded in its rows; these counts are not cut with it.';

-- +goose StatementBegin
create function count_refusals() returns trigger language plpgsql as $$
begin
  insert into refusal_hours as h (hour, project, environment, fault, refusals)
  select date_trunc('hour', at, 'UTC'), project, environment, fault, count(*) from added group by 1, 2, 3, 4 order by 2, 1, 3, 4
  on conflict (project, hour, environment, fault) do update set refusals = h.refusals + excluded.refusals;
  return null;
end
$$;
-- +goose StatementEnd

create trigger refusals_hours after insert on refusals
  referencing new table as added for each statement execute function count_refusals();

insert into refusal_hours select date_trunc('hour', at, 'UTC'), project, environment, fault, count(*) from refusals group by 1, 2, 3, 4;

create table audit_followers (
  name     text   primary key,
  audit_id bigint not null check (audit_id >= 0)
);
comment on table audit_followers is 'How far the audit was sent on to the event targets, by their names. It moves once a record was taken, so that after a stop the last ones may come again and none is left out.';
