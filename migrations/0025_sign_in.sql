-- +goose Up
alter table web_sessions
  add column id         uuid        not null default gen_random_uuid(),
  add column client     text        not null default '',
  add column user_agent text        not null default '',
  add column seen_at    timestamptz;
update web_sessions set seen_at = created_at;
alter table web_sessions
  alter column id drop default,
  alter column client drop default,
  alter column user_agent drop default,
  alter column seen_at set not null;
create unique index web_sessions_id on web_sessions (id);

comment on column web_sessions.id is 'What a session is called on pages and in requests, where the hash of its token has no business.';
comment on column web_sessions.seen_at is 'The last request.';

alter table personal_tokens add column kind text not null default 'PERSONAL' check (kind in ('PERSONAL', 'SIGN_IN'));
alter table personal_tokens alter column kind drop default;
drop index personal_tokens_name;
create unique index personal_tokens_name on personal_tokens (user_id, lower(name)) where revoked_at is null and kind = 'PERSONAL';
create index personal_tokens_user on personal_tokens (user_id);
create index personal_tokens_expires_at on personal_tokens (expires_at) where kind = 'SIGN_IN';

comment on column personal_tokens.kind is 'PERSONAL is made by its owner and lasts; SIGN_IN is given for name and password and lasts an hour.';
