-- +goose Up
-- What a node has to read anew, so that a deploy of one API among ten thousand costs it one.
create table changes (
  xid  xid8        not null default pg_current_xact_id(),
  kind text        not null check (kind in ('OWNER', 'CREDENTIAL', 'KEYS', 'SOURCES', 'TOKENS', 'CATALOGUE')),
  id   uuid        not null,
  at   timestamptz not null default clock_timestamp()
);
create index changes_xid on changes (xid);
create index changes_at on changes (at);

comment on table changes is 'What of the bundles has changed. Triggers keep it, so that whoever writes cannot forget it. A node reads what the snapshot of its last look did not see, in whatever order transactions began and ended.';
comment on column changes.id is 'That of the owner or credential; all zero for what is read whole.';
comment on column changes.at is 'Changes are kept for two days; whoever looked last before that reads all.';

-- +goose StatementBegin
-- note_changes notes the rows of a statement; its arguments are the kind and the column of the id.
create function note_changes() returns trigger language plpgsql as $$
begin
  execute format('insert into changes (kind, id) select %L, id from (%s) ids (id)', tg_argv[0], case tg_op
    when 'INSERT' then format('select %I from come', tg_argv[1])
    when 'DELETE' then format('select %I from gone', tg_argv[1])
    else format('select %1$I from come union select %1$I from gone', tg_argv[1]) end);
  return null;
end
$$;

-- note_change notes that something was written of what is read whole.
create function note_change() returns trigger language plpgsql as $$
begin
  for i in 0 .. tg_nargs - 1 loop
    insert into changes (kind, id) values (tg_argv[i], '00000000-0000-0000-0000-000000000000');
  end loop;
  return null;
end
$$;

-- note_key_pair notes an owner whose key pair has changed.
create function note_key_pair() returns trigger language plpgsql as $$
begin
  insert into changes (kind, id) values ('OWNER', new.id);
  return null;
end
$$;

-- note_role notes the credentials of a role that was renamed.
create function note_role() returns trigger language plpgsql as $$
begin
  insert into changes (kind, id) select 'CREDENTIAL', credential_id from credential_role_members where role_id = new.id;
  return null;
end
$$;

do $$
declare
  what text[];
begin
  foreach what slice 1 in array array[
    ['deployments', 'OWNER', 'owner_id'],
    ['credentials', 'CREDENTIAL', 'id'],
    ['credential_environments', 'CREDENTIAL', 'credential_id'],
    ['credential_role_members', 'CREDENTIAL', 'credential_id'],
    ['credential_access', 'CREDENTIAL', 'credential_id']
  ] loop
    execute format('create trigger %1$s_come after insert on %1$s referencing new table as come
      for each statement execute function note_changes(%2$L, %3$L)', what[1], what[2], what[3]);
    execute format('create trigger %1$s_gone after delete on %1$s referencing old table as gone
      for each statement execute function note_changes(%2$L, %3$L)', what[1], what[2], what[3]);
    execute format('create trigger %1$s_changed after update on %1$s referencing old table as gone new table as come
      for each statement execute function note_changes(%2$L, %3$L)', what[1], what[2], what[3]);
  end loop;
end
$$;
-- +goose StatementEnd

create trigger owners_key_pair after update on owners
  for each row when (old.client_id is distinct from new.client_id or old.client_secret_hash is distinct from new.client_secret_hash)
  execute function note_key_pair();
create trigger credential_roles_renamed after update on credential_roles
  for each row when (old.name is distinct from new.name) execute function note_role();
create trigger environment_keys_changed after insert or delete or update of environment_id, project_id, name, kid, algorithm, state, material on environment_keys
  for each statement execute function note_change('KEYS');
create trigger identity_sources_changed after insert or update or delete on identity_sources
  for each statement execute function note_change('SOURCES');
create trigger projects_renamed after update of name on projects
  for each statement execute function note_change('KEYS', 'SOURCES');
create trigger settings_changed after insert or update or delete on settings
  for each statement execute function note_change('TOKENS');
create trigger error_messages_changed after insert or update or delete on error_messages
  for each statement execute function note_change('CATALOGUE');
create trigger environment_variables_changed after insert or update or delete on environment_variables
  for each statement execute function note_change('CATALOGUE');
