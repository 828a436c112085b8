-- +goose Up
-- Users of the sign-in directory are looked up there again while they have sessions or tokens.
alter table users add column absent_since timestamptz, add column checked_at timestamptz;

comment on column users.absent_since is 'When the directory said that it does not have the user any more, or has switched the account off.';
comment on column users.checked_at is 'When the directory was last asked about the user, who had a session or a token then.';

-- The group through which a refused call came is told beside its proxy.
alter table refusals add column proxy_group text not null default '' check (char_length(proxy_group) <= 255);
