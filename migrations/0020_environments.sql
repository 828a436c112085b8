-- +goose Up
alter table environments
  add column description text not null default '',
  add column colour      text not null default '' check (colour in ('', 'red', 'amber', 'green', 'blue', 'violet'));

-- As the console has shown them so far.
update environments set colour = case type when 'PRODUCTION' then 'red' else 'blue' end;

comment on column environments.colour is 'Marks it in the console, so that nobody takes production for a test. Empty: none.';
