-- +goose Up
create table error_messages (
  type       text        primary key check (type <> ''),
  definition jsonb       check (jsonb_typeof(definition) = 'object'),
  version    integer     not null check (version > 0),
  updated_at timestamptz not null,
  updated_by text        not null
);

comment on table error_messages is 'The rows of the error catalogue that the installation words itself. They take effect at save. No row means the default.';
comment on column error_messages.definition is 'Null once it was reset: the version goes on, so that a save from before the reset is still seen to be stale.';

alter table api_proxies add column error_templates jsonb check (jsonb_typeof(error_templates) = 'object');

comment on column api_proxies.error_templates is 'What error answers are put into. Null: nothing, they go out as they are.';

create table refusals (
  id             bigint      generated always as identity primary key,
  at             timestamptz not null,
  correlation_id text        not null check (char_length(correlation_id) <= 255),
  environment    text        not null check (char_length(environment) <= 255),
  project        text        not null check (char_length(project) <= 255),
  proxy          text        not null check (char_length(proxy) <= 255),
  endpoint       text        not null check (char_length(endpoint) <= 1000),
  policy         text        not null check (char_length(policy) <= 255),
  method         text        not null check (char_length(method) <= 255),
  path           text        not null check (char_length(path) <= 4000),
  client         text        not null check (char_length(client) <= 255),
  subject        text        not null check (char_length(subject) <= 1000),
  status         integer     not null,
  fault          text        not null check (char_length(fault) <= 255),
  why            text        not null check (char_length(why) <= 4000),
  fix            text        not null check (char_length(fix) <= 4000),
  reason         text        not null check (char_length(reason) <= 4000)
);
create index refusals_at on refusals (at);
create index refusals_correlation_id on refusals (correlation_id);

comment on table refusals is 'Why calls were refused, for the people who run the API. Names are copied, so that a row outlives what it is about. Never holds a token, a secret, a password or what a caller sent beside the path.';
