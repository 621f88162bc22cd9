-- +goose Up
-- See the same migration for SQLite.
alter table names add column seq bigint not null default 0;
update names set seq = ordered.n
from (select name, row_number() over (order by created_at, name) as n from names) as ordered where ordered.name = names.name;
create sequence names_seq;
select setval('names_seq', (select coalesce(max(seq), 0) + 1 from names), false);
create unique index names_by_seq on names (seq);

-- +goose Down
drop index names_by_seq;
drop sequence names_seq;
alter table names drop column seq;
