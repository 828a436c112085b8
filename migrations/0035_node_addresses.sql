-- +goose Up
-- What each node knows of the addresses of APIs, of which it judges for itself.
alter table nodes add column addresses jsonb not null default '{}';

comment on column nodes.addresses is 'How many are well, resting and down, and the first of them one by one: those that are not well, then the busiest. Times are by the clock of the node.';
