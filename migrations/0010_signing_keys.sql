-- +goose Up
alter table environment_keys
  add column project_id        uuid        references projects (id) on delete cascade,
  add column name              text        not null default '',
  add column source            text        not null default 'GENERATED' check (source in ('GENERATED', 'UPLOADED')),
  add column bits              integer     not null default 0 check (bits >= 0),
  add column fingerprint       text        not null default '',
  add column generation        bigint      not null default 1,
  add column max_token_seconds bigint      not null default 0 check (max_token_seconds >= 0),
  add column unending          boolean     not null default false,
  add column activated_at      timestamptz,
  add column retiring_at       timestamptz,
  add column retire_at         timestamptz,
  add column ended_at          timestamptz,
  drop constraint environment_keys_state_check;

update environment_keys set activated_at = created_at where state = 'ACTIVE';

-- All keys so far were generated, each kind in one length.
update environment_keys set bits = case
  when algorithm in ('ES256', 'EdDSA') then 256
  when algorithm = 'ES384' then 384
  when algorithm = 'ES512' then 521
  when algorithm = 'HS256' then 512
  when algorithm in ('HS384', 'HS512') then 1024
  else 2048 end;

-- What these keys may have signed follows from everything that was deployed.
with units (unit, milliseconds) as (values
  ('MILLI_SECONDS', 1::bigint), ('SECONDS', 1000), ('MINUTES', 60000), ('HOURS', 3600000),
  ('DAYS', 86400000), ('WEEKS', 604800000), ('MONTHS', 2592000000), ('YEARS', 31536000000)
), signed as (
  select r.environment_id, p.policy ->> 'jwtSignatureAlgorithm' as algorithm,
    bool_or(coalesce((p.policy ->> 'tokenNeverExpires')::boolean, true)) as unending,
    coalesce(max(ceil((p.policy ->> 'tokenExpiresInAmount')::numeric * u.milliseconds / 1000)), 0)::bigint as seconds
  from revisions r
    cross join lateral json_array_elements(r.definition -> 'policies') b
    cross join lateral (select b -> 'policy' as policy) p
    left join units u on u.unit = p.policy ->> 'tokenExpiresInUnit'
  where p.policy ->> 'jwtSignatureAlgorithm' is not null
  group by 1, 2
)
update environment_keys k set max_token_seconds = s.seconds, unending = s.unending
from signed s where s.environment_id = k.environment_id and s.algorithm = k.algorithm;

alter table environment_keys
  alter column name drop default,
  alter column source drop default,
  alter column bits drop default,
  alter column fingerprint drop default,
  alter column generation drop default,
  alter column max_token_seconds drop default,
  alter column unending drop default,
  add constraint environment_keys_state check (state in ('NEXT', 'ACTIVE', 'RETIRING', 'RETIRED', 'REVOKED')),
  add constraint environment_keys_owner check ((project_id is null) = (name = '')),
  add constraint environment_keys_ended check ((ended_at is not null) = (state in ('RETIRED', 'REVOKED'))),
  add constraint environment_keys_material check ((length(material) = 0) = (state in ('RETIRED', 'REVOKED')));

drop index environment_keys_active;
create unique index environment_keys_active on environment_keys (environment_id, project_id, lower(name), algorithm) nulls not distinct where state = 'ACTIVE';
create unique index environment_keys_next on environment_keys (environment_id, project_id, lower(name), algorithm) nulls not distinct where state = 'NEXT';
create index environment_keys_project on environment_keys (project_id, lower(name));

comment on table environment_keys is 'Signing keys: the environment''s own, made when a deploy first needs their algorithm, and the key store of each project.';
comment on column environment_keys.project_id is 'The project whose key store it is in; null for the environment''s own.';
comment on column environment_keys.name is 'What policies call it; empty for the environment''s own.';
comment on column environment_keys.bits is 'Length of the modulus, the curve or the secret.';
comment on column environment_keys.fingerprint is 'Tells whether two keys are the same, also after the material is gone. Of a shared secret it is keyed with the master key.';
comment on column environment_keys.generation is 'That of the environment in which the key got its state.';
comment on column environment_keys.max_token_seconds is 'The longest lifetime of a token that it may have signed.';
comment on column environment_keys.unending is 'It may have signed tokens that never expire.';
comment on column environment_keys.retire_at is 'When the last token that it signed has expired; null with unending.';
comment on column environment_keys.ended_at is 'When it was retired or revoked and its material deleted.';

create table key_schedules (
  environment_id        uuid        primary key references environments (id) on delete cascade,
  rotate_every_seconds  bigint      not null check (rotate_every_seconds >= 0),
  publish_ahead_seconds bigint      not null check (publish_ahead_seconds > 0),
  version               integer     not null check (version > 0),
  created_at            timestamptz not null,
  created_by            text        not null,
  updated_at            timestamptz not null,
  updated_by            text        not null
);

comment on table key_schedules is 'How the generated keys of an environment are rotated; without a row they are not.';
comment on column key_schedules.rotate_every_seconds is 'Age at which an active key is replaced; 0 switches the schedule off.';
comment on column key_schedules.publish_ahead_seconds is 'How long a next key is in the JWKS before it signs.';
