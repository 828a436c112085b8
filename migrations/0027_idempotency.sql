-- +goose Up
create table api_answers (
  user_id     uuid        not null references users (id) on delete cascade,
  key         text        not null check (key <> ''),
  fingerprint bytea       not null,
  status      integer     not null,
  answer      bytea       not null,
  created_at  timestamptz not null,
  primary key (user_id, key)
);
create index api_answers_created_at on api_answers (created_at);

comment on table api_answers is 'Answers of the management API to writes with an Idempotency-Key, for a day.';
comment on column api_answers.fingerprint is 'A MAC of method, address, preconditions and body.';
comment on column api_answers.status is '0 while the first request is under way.';
comment on column api_answers.answer is 'Header and body, sealed for api_answers/<user>/<key>: an answer may hold a secret that is shown once.';
