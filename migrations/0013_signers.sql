-- +goose Up
create table signers (
  proxy_id       uuid    not null,
  environment_id uuid    not null,
  position       integer not null check (position > 0),
  project_id     uuid    not null references projects (id) on delete cascade,
  policy         text    not null,
  key_name       text    not null,
  algorithm      text    not null check (algorithm <> ''),
  unending       boolean not null,
  amount         bigint  not null,
  unit           text    not null,
  primary key (proxy_id, environment_id, position),
  foreign key (proxy_id, environment_id) references deployments (proxy_id, environment_id) on delete cascade
);
create index signers_slot on signers (environment_id, algorithm, lower(key_name), project_id, proxy_id, position);
create index signers_project on signers (project_id);

comment on table signers is 'The deployed policies that sign tokens, out of the definitions of what runs: to read those of ten thousand proxies for the list of keys would take half a second. A trigger keeps it, so that whoever deploys cannot forget it.';
comment on column signers.project_id is 'That of the proxy, whose key store key_name is of.';
comment on column signers.key_name is 'Empty for a policy that signs with the environment''s own key.';
comment on column signers.unending is 'Its tokens never expire; otherwise they do after amount units.';

-- +goose StatementBegin
create function keep_signers() returns trigger language plpgsql as $$
begin
  delete from signers where proxy_id = new.proxy_id and environment_id = new.environment_id;
  insert into signers
  select new.proxy_id, new.environment_id, b.position, x.project_id, coalesce(p.policy ->> 'name', ''),
    coalesce(p.policy ->> 'signingKeyName', ''), p.policy ->> 'jwtSignatureAlgorithm', coalesce((p.policy ->> 'tokenNeverExpires')::boolean, true),
    coalesce((p.policy ->> 'tokenExpiresInAmount')::bigint, 0), coalesce(p.policy ->> 'tokenExpiresInUnit', '')
  from revisions r join api_proxies x on x.id = r.proxy_id
    cross join lateral json_array_elements(r.definition -> 'policies') with ordinality b (bound, position)
    cross join lateral (select b.bound -> 'policy' as policy) p
  where r.id = new.revision_id and (p.policy ->> 'active')::boolean and coalesce(p.policy ->> 'jwtSignatureAlgorithm', '') <> '';
  return null;
end
$$;
-- +goose StatementEnd

create trigger deployments_signers after insert or update of revision_id on deployments
  for each row execute function keep_signers();

update deployments set revision_id = revision_id where revision_id is not null;
