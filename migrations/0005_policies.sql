-- +goose Up
create table policies (
  id             uuid        primary key,
  project_id     uuid        not null references projects (id) on delete cascade,
  owner_proxy_id uuid        references api_proxies (id) on delete cascade,
  type           text        not null check (type <> ''),
  name           text        not null check (name <> ''),
  description    text        not null,
  active         boolean     not null,
  config         jsonb       not null check (jsonb_typeof(config) = 'object'),
  version        integer     not null check (version > 0),
  created_at     timestamptz not null,
  created_by     text        not null,
  updated_at     timestamptz not null,
  updated_by     text        not null
);
create unique index policies_name_global on policies (project_id, lower(name)) where owner_proxy_id is null;
create unique index policies_name_local on policies (owner_proxy_id, lower(name)) where owner_proxy_id is not null;
create index policies_by_type on policies (project_id, type, lower(name)) where owner_proxy_id is null;
create index policies_by_change on policies (project_id, type, updated_at) where owner_proxy_id is null;

comment on table policies is 'Policies of every type. Columns repeat from config only what is searched, sorted or unique.';
comment on column policies.owner_proxy_id is 'Null for a global policy; a local one lives and dies with its proxy.';
comment on column policies.config is 'The flat JSON object of the management API, without secrets.';

create table policy_bindings (
  id          uuid    primary key,
  proxy_id    uuid    not null references api_proxies (id) on delete cascade,
  scope       text    not null check (scope in ('ALL', 'ENDPOINT')),
  endpoint_id uuid,
  pipeline    text    not null check (pipeline in ('REQUEST', 'RESPONSE', 'ERROR')),
  position    integer not null check (position > 0),
  policy_id   uuid    not null references policies (id) on delete no action,
  check ((scope = 'ENDPOINT') = (endpoint_id is not null)),
  foreign key (endpoint_id, proxy_id) references api_proxy_endpoints (id, proxy_id) on delete no action,
  constraint policy_bindings_order unique nulls not distinct (proxy_id, pipeline, endpoint_id, position) deferrable initially deferred
);
create index policy_bindings_endpoint on policy_bindings (endpoint_id, proxy_id);
create index policy_bindings_policy on policy_bindings (policy_id);

comment on table policy_bindings is 'Which policies a proxy runs, in which lane and in which order.';
comment on column policy_bindings.position is 'From 1 without gaps within a lane: a pipeline of the proxy as a whole, or of one of its endpoints. The constraint waits for the end of the transaction, so that a lane can be reordered.';
comment on column policy_bindings.policy_id is 'Not cascading: detaching has to close the gap in the lane.';
