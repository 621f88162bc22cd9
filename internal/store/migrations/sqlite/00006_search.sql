-- +goose Up
-- seq is the order of publication. The terms of an addon are in addon_terms
-- under its seq; the program fills them in for those that there are already.
alter table addons add column seq bigint not null default 0;
update addons set seq = ordered.n
from (select id, row_number() over (order by id) as n from addons) as ordered where ordered.id = addons.id;
create unique index addons_by_seq on addons (seq);
create index addons_latest on addons (seq) where latest;
create index addons_by_name on addons (name, seq);
create virtual table addon_terms using fts5 (
    terms, content = '', contentless_delete = 1, detail = none,
    tokenize = "ascii tokenchars '_'"
);

-- +goose Down
drop table addon_terms;
drop index addons_by_name;
drop index addons_latest;
drop index addons_by_seq;
alter table addons drop column seq;
