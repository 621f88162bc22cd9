-- +goose Up
-- seq is the order in which names were published first, as the database saw it:
-- of two that can be taken for each other, one is the older for everybody.
alter table names add column seq bigint not null default 0;
update names set seq = ordered.n
from (select name, row_number() over (order by created_at, name) as n from names) as ordered where ordered.name = names.name;
create unique index names_by_seq on names (seq);

-- +goose Down
drop index names_by_seq;
alter table names drop column seq;
