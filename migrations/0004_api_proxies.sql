-- +goose Up
create table api_proxies (
  id                 uuid        primary key,
  project_id         uuid        not null references projects (id) on delete cascade,
  name               text        not null check (name <> ''),
  description        text        not null,
  client_id          text        not null check (client_id <> ''),
  client_secret_hash text        not null check (client_secret_hash like '$argon2id$%'),
  base_path          text        not null check (base_path like '/_%'),
  methods            jsonb       not null check (jsonb_typeof(methods) = 'array'),
  upstream_url       text        not null,
  connect_timeout    integer     not null check (connect_timeout >= 0),
  response_timeout   integer     not null check (response_timeout >= 0),
  version            integer     not null check (version > 0),
  created_at         timestamptz not null,
  created_by         text        not null,
  updated_at         timestamptz not null,
  updated_by         text        not null,
  constraint api_proxies_route unique (id, base_path)
);
create unique index api_proxies_name on api_proxies (project_id, lower(name));
create unique index api_proxies_client_id on api_proxies (client_id);
create index api_proxies_base_path on api_proxies (project_id, base_path);
create index api_proxies_updated_at on api_proxies (project_id, updated_at);

comment on table api_proxies is 'API proxies as they are edited. What runs is in revisions.';
comment on column api_proxies.methods is 'The HTTP methods that are routed; empty means any.';
comment on column api_proxies.connect_timeout is 'Milliseconds; 0 means the default.';
comment on column api_proxies.response_timeout is 'Milliseconds; 0 means the default.';

create table api_proxy_routes (
  proxy_id  uuid    not null,
  host      text    not null,
  base_path text    not null,
  primary key (proxy_id, host),
  foreign key (proxy_id, base_path) references api_proxies (id, base_path) on update cascade on delete cascade
);
create unique index api_proxy_routes_claim on api_proxy_routes (base_path, host);

comment on table api_proxy_routes is 'The claims of proxies: no two may have the same host and base path.';
comment on column api_proxy_routes.host is 'Empty means any host.';

create table api_proxy_endpoints (
  id          uuid    primary key,
  proxy_id    uuid    not null references api_proxies (id) on delete cascade,
  method      text    not null,
  path        text    not null check (path like '/%'),
  description text    not null,
  position    integer not null check (position > 0),
  constraint api_proxy_endpoints_owner unique (id, proxy_id),
  constraint api_proxy_endpoints_operation unique (proxy_id, method, path) deferrable initially deferred
);

comment on table api_proxy_endpoints is 'The operations of an API. The constraint waits for the end of the transaction, so that two operations can trade places.';
