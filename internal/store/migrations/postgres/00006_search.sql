-- +goose Up
-- seq is the order of publication. The terms of an addon are in addon_terms
-- under its seq.
alter table addons add column seq bigint not null default 0;
update addons set seq = ordered.n
from (select id, row_number() over (order by id) as n from addons) as ordered where ordered.id = addons.id;
create sequence addons_seq;
select setval('addons_seq', (select coalesce(max(seq), 0) + 1 from addons), false);
create unique index addons_by_seq on addons (seq);
create index addons_latest on addons (seq) where latest;
create index addons_by_name on addons (name, seq);
create table addon_terms (
    seq   bigint primary key,
    terms tsvector not null
);
create index addon_terms_terms on addon_terms using gin (terms);

-- +goose Down
drop table addon_terms;
drop index addons_by_name;
drop index addons_latest;
drop index addons_by_seq;
drop sequence addons_seq;
alter table addons drop column seq;
