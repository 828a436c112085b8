-- +goose Up
-- Who runs under another name is found at once: PostgreSQL does not know of a comparison how rarely it is true.
alter table deployments
  add column renamed boolean not null generated always as (revision_id is not null and lower(name) <> owner_key) stored;
drop index deployments_renamed;
create index deployments_renamed on deployments (owner_id) where renamed;
analyze deployments;

comment on column deployments.renamed is 'The owner was renamed since the deploy: its calls and tokens there go by the name of the deploy.';
