-- +goose Up
-- Each index below answers one way to narrow the logs in their order, newest
-- first; what no index answers is asked of the newest rows only.
drop index token_requests_source;
create index token_requests_source on token_requests (source, at) where source <> '';
create index token_requests_owner on token_requests (owner, at);
create index token_requests_error on token_requests (error, at) where error <> '';
create index token_requests_client on token_requests ((nullif(split_part(client, '%', 1), '')::inet), at);
create index token_requests_token_id on token_requests (token_id) where token_id <> '';
drop index token_requests_live;
create index token_requests_live on token_requests ((case when token_id <> '' then coalesce(expires_at, 'infinity'::timestamptz) end), environment);
create index token_requests_key on token_requests (key_id, (case when token_id <> '' then coalesce(expires_at, 'infinity'::timestamptz) end)) where key_id <> '';
create index security_events_client on security_events ((nullif(split_part(client, '%', 1), '')::inet), at);

create table token_request_hours (
  hour        timestamptz not null,
  environment text        not null,
  grant_type  text        not null,
  source      text        not null,
  error       text        not null,
  requests    bigint      not null check (requests > 0),
  primary key (hour, environment, grant_type, source, error)
) with (fillfactor = 70);

comment on table token_request_hours is 'How many tokens were asked for in each hour, for figures of days and months. A trigger keeps it, so that no way into the log goes past it.';
comment on column token_request_hours.grant_type is '"regenerate" for a regeneration, and "other" for what callers make up: they must not make rows.';

-- +goose StatementBegin
create function token_request_kind(operation text, grant_type text) returns text language sql immutable parallel safe as $$
  select case when operation = 'REGENERATE' then 'regenerate' when grant_type in ('client_credentials', 'password', 'refresh_token') then grant_type else 'other' end
$$;
-- +goose StatementEnd

-- Rows are counted in one order, so that two writers never wait for each other.
-- +goose StatementBegin
create function count_token_requests() returns trigger language plpgsql as $$
begin
  insert into token_request_hours as h (hour, environment, grant_type, source, error, requests)
  select date_trunc('hour', at, 'UTC'), environment, token_request_kind(operation, grant_type), source, error, count(*)
  from added where operation in ('ISSUE', 'REFRESH', 'REGENERATE') group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
  on conflict (hour, environment, grant_type, source, error) do update set requests = h.requests + excluded.requests;
  return null;
end
$$;
-- +goose StatementEnd

create trigger token_requests_hours after insert on token_requests
  referencing new table as added for each statement execute function count_token_requests();

insert into token_request_hours
select date_trunc('hour', at, 'UTC'), environment, token_request_kind(operation, grant_type), source, error, count(*)
from token_requests where operation in ('ISSUE', 'REFRESH', 'REGENERATE') group by 1, 2, 3, 4, 5;
