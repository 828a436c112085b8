-- +goose Up
create table client_names (
  name  text primary key check (name <> ''),
  kind  text not null check (kind in ('PROXY', 'CREDENTIAL')),
  owner uuid not null
);
create unique index client_names_owner on client_names (owner);

comment on table client_names is 'Every name that a client may give at the token endpoint, so that a credential and an owner never share one. Triggers keep it: whoever writes either table cannot forget it, and of two that take one name at once the second fails.';
comment on column client_names.name is 'In lower case, although the endpoint compares exactly: people do not see the difference.';
comment on column client_names.owner is 'The id of the row that has the name. Not a reference, as that may be in one of several tables.';

-- The arguments are the kind and the column with the name.
-- +goose StatementBegin
create function keep_client_name() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into client_names (name, kind, owner) values (lower(to_jsonb(new) ->> tg_argv[1]), tg_argv[0], new.id);
  elsif tg_op = 'UPDATE' then
    update client_names set name = lower(to_jsonb(new) ->> tg_argv[1])
      where owner = old.id and name <> lower(to_jsonb(new) ->> tg_argv[1]);
  else
    delete from client_names where owner = old.id;
  end if;
  return null;
end
$$;
-- +goose StatementEnd

create trigger api_proxies_client_name after insert or delete or update of client_id on api_proxies
  for each row execute function keep_client_name('PROXY', 'client_id');
create trigger credentials_client_name after insert or delete or update of name on credentials
  for each row execute function keep_client_name('CREDENTIAL', 'name');

insert into client_names (name, kind, owner)
select lower(client_id), 'PROXY', id from api_proxies union all select lower(name), 'CREDENTIAL', id from credentials;
