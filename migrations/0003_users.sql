-- +goose Up
create table users (
  id                   uuid        primary key,
  name                 text        not null check (name <> ''),
  full_name            text        not null,
  role                 text        not null check (role in ('ADMINISTRATOR', 'AUDITOR')),
  theme                text        not null check (theme in ('system', 'light', 'dark')),
  password_hash        text        not null check (password_hash like '$argon2id$%'),
  must_change_password boolean     not null,
  last_sign_in_at      timestamptz,
  version              integer     not null check (version > 0),
  created_at           timestamptz not null,
  created_by           text        not null,
  updated_at           timestamptz not null,
  updated_by           text        not null
);
create unique index users_name on users (lower(name));

comment on table users is 'Who may use the console.';
comment on column users.last_sign_in_at is 'Null until the first one.';

create table web_sessions (
  token_hash text        primary key check (token_hash <> ''),
  data       bytea       not null,
  user_id    uuid        references users (id) on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at   timestamptz
);
create index web_sessions_user on web_sessions (user_id);
create index web_sessions_expires_at on web_sessions (expires_at);

comment on table web_sessions is 'Console sessions. The browser holds the token, we only its hash.';
comment on column web_sessions.user_id is 'Null before anybody has signed in.';
comment on column web_sessions.ended_at is 'Set at sign-out or when a password changes. The row stays until it expires, so that a request still under way cannot write the session back to life.';
