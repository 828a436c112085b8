-- +goose Up
alter table owners
  add column balancing jsonb,
  add constraint owners_balancing check (kind = 'PROXY' or balancing is null);

comment on column owners.balancing is 'What an upstream says beside its first address and the timeouts: further addresses, choice, breaker, health check, retries. Null for nothing.';
