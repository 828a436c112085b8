-- +goose Up
create table refresh_families (
  id             uuid        primary key,
  environment_id uuid        not null references environments (id) on delete cascade,
  project        text        not null,
  owner_id       text        not null check (owner_id <> ''),
  owner          text        not null,
  policy         text        not null,
  client_id      text        not null check (client_id <> ''),
  subject        text        not null check (subject <> ''),
  is_user        boolean     not null,
  grant_type     text        not null,
  source         text        not null,
  roles          jsonb       not null check (jsonb_typeof(roles) = 'array'),
  scope          text        not null,
  claims         jsonb       not null check (jsonb_typeof(claims) = 'object'),
  response       jsonb       not null check (jsonb_typeof(response) = 'object'),
  client         text        not null,
  started_at     timestamptz not null,
  refreshed_at   timestamptz,
  expires_at     timestamptz not null,
  generation     integer     not null check (generation >= 0),
  max_refreshes  integer     not null check (max_refreshes >= generation),
  spent          timestamptz[] not null,
  ended_at       timestamptz,
  end_reason     text        not null default '' check ((end_reason <> '') = (ended_at is not null))
);
create index refresh_families_subject on refresh_families (environment_id, owner_id, subject, is_user, started_at);
create index refresh_families_client on refresh_families (client_id, started_at) where ended_at is null;
create index refresh_families_user on refresh_families (lower(subject), started_at) where ended_at is null and is_user;
create index refresh_families_started_at on refresh_families (started_at, id) where ended_at is null;
create index refresh_families_over on refresh_families (least(expires_at, ended_at));

comment on table refresh_families is 'Logins that can be refreshed. Nothing in a row can be used as a token: that takes a MAC under the master key. All times are of the clock of the database.';
comment on column refresh_families.id is '128 random bits, not a UUID of any version.';
comment on column refresh_families.owner_id is 'Not a reference: an owner may be a proxy or a group, and a login outlives neither for long.';
comment on column refresh_families.spent is 'When each of the last generations was spent, oldest first; the last entry is that of generation - 1.';
comment on column refresh_families.refreshed_at is 'Null until the first refresh.';

create table revocations (
  id             bigint      generated always as identity primary key,
  environment_id uuid        references environments (id) on delete cascade,
  kind           text        not null check (kind in ('TOKEN', 'FAMILY', 'USER', 'CLIENT', 'POLICY', 'ALL')),
  project        text        not null check (project = '' or kind in ('USER', 'POLICY')),
  key            text        not null check ((key = '') = (kind = 'ALL')),
  before         timestamptz check ((before is null) = (kind in ('TOKEN', 'FAMILY'))),
  expires_at     timestamptz,
  reason         text        not null,
  revoked_at     timestamptz not null,
  revoked_by     text        not null
);
create index revocations_environment on revocations (environment_id, id);
create index revocations_expires_at on revocations (expires_at);
create index revocations_key on revocations (key, kind);

comment on table revocations is 'Which tokens are worthless although they verify. Inserted under an advisory lock, so that ids become visible in their order and who asks for those after the last one misses none.';
comment on column revocations.environment_id is 'Null: in all environments.';
comment on column revocations.before is 'Tokens issued before it; null for single tokens and logins, which are revoked for good.';
comment on column revocations.expires_at is 'When no token that it covers can live any more; null when that is not known.';

create table token_requests (
  id                 bigint      generated always as identity primary key,
  at                 timestamptz not null,
  environment        text        not null,
  operation          text        not null,
  project            text        not null,
  owner              text        not null,
  policy             text        not null,
  grant_type         text        not null,
  client_id          text        not null,
  username           text        not null,
  source             text        not null,
  client             text        not null,
  forwarded_for      text        not null,
  method             text        not null,
  content_type       text        not null,
  algorithm          text        not null,
  key_id             text        not null,
  token_id           text        not null,
  family             text        not null,
  scope              text        not null,
  issued_at          timestamptz,
  expires_at         timestamptz,
  never_expires      boolean     not null,
  refresh_expires_at timestamptz,
  refresh_count      integer     not null,
  refresh_max        integer     not null,
  status             integer     not null,
  error              text        not null,
  fault              text        not null,
  reason             text        not null,
  correlation_id     text        not null,
  duration_us        bigint      not null check (duration_us >= 0)
);
create index token_requests_at on token_requests (at, id);
create index token_requests_username on token_requests (lower(username), at) where username <> '';
create index token_requests_client_id on token_requests (client_id, at);
create index token_requests_refused on token_requests (at, id) where error <> '';
create index token_requests_family on token_requests (family) where family <> '';
create index token_requests_source on token_requests (source) where source <> '';
create index token_requests_correlation_id on token_requests (correlation_id);
create index token_requests_live on token_requests (coalesce(expires_at, 'infinity'::timestamptz), environment) where token_id <> '';

comment on table token_requests is 'What was asked of the token service. Names are copied, so that a row outlives what it is about. Never holds a token, a secret or a password.';
comment on column token_requests.token_id is 'The jti of the access token that was issued; empty when none was.';
comment on column token_requests.expires_at is 'Null when the token never expires or none was issued.';
comment on column token_requests.duration_us is 'Microseconds.';

create table security_events (
  id             bigint      generated always as identity primary key,
  at             timestamptz not null,
  kind           text        not null check (kind <> ''),
  environment    text        not null,
  project        text        not null,
  owner          text        not null,
  subject        text        not null,
  source         text        not null,
  client         text        not null,
  detail         text        not null,
  correlation_id text        not null
);
create index security_events_at on security_events (at, id);
create index security_events_kind on security_events (kind, at);
create index security_events_subject on security_events (lower(subject), at) where subject <> '';
create index security_events_correlation_id on security_events (correlation_id);

comment on table security_events is 'What whoever watches over the installation should see.';

create table settings (
  key        text        primary key check (key <> ''),
  value      jsonb       not null check (jsonb_typeof(value) = 'object'),
  version    integer     not null check (version > 0),
  updated_at timestamptz not null,
  updated_by text        not null
);

comment on table settings is 'Settings of the whole installation, one row a group. No row means the defaults.';
