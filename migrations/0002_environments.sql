-- +goose Up
create table environments (
  id         uuid        primary key,
  name       text        not null check (name <> ''),
  type       text        not null check (type in ('PRODUCTION', 'TEST', 'SANDBOX')),
  public_url text        not null,
  generation bigint      not null check (generation > 0),
  version    integer     not null check (version > 0),
  created_at timestamptz not null,
  created_by text        not null,
  updated_at timestamptz not null,
  updated_by text        not null
);
create unique index environments_name on environments (lower(name));

comment on table environments is 'A slice of the gateway: an address, keys and what is deployed.';
comment on column environments.public_url is 'Where callers reach it and the issuer of its tokens, without a trailing slash.';
comment on column environments.generation is 'Raised with everything that its nodes must load anew; NOTIFY gatewright tells them.';

create table environment_keys (
  id             uuid        primary key,
  environment_id uuid        not null references environments (id) on delete cascade,
  kid            text        not null check (kid <> ''),
  algorithm      text        not null check (algorithm <> ''),
  state          text        not null check (state in ('ACTIVE', 'NEXT', 'RETIRING', 'RETIRED')),
  material       bytea       not null,
  created_at     timestamptz not null,
  created_by     text        not null
);
create unique index environment_keys_kid on environment_keys (environment_id, kid);
create unique index environment_keys_active on environment_keys (environment_id, algorithm) where state = 'ACTIVE';

comment on table environment_keys is 'Signing keys, made when a deploy first needs their algorithm.';
comment on column environment_keys.material is 'Sealed under the master key for environment_keys/<id>/material; a copy in another row does not open.';
