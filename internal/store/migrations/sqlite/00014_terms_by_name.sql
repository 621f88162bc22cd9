-- +goose Up
-- A second index of the terms finds addons in the order of their names: its rows
-- have the numbers that are in addon_places. The program fills both.
create table addon_places (
    seq   integer primary key,
    place bigint not null
);
create unique index addon_places_by_place on addon_places (place);
create virtual table addon_terms_by_name using fts5 (
    terms, content = '', contentless_delete = 1, detail = none,
    tokenize = "ascii tokenchars '_'"
);
-- Pages of the indexes, in bytes: to find one row, half of one is read.
insert into addon_terms (addon_terms, rank) values ('pgsz', 1000);
insert into addon_terms_by_name (addon_terms_by_name, rank) values ('pgsz', 1000);
-- What everybody sees who searches for nothing. status is written so that no index
-- of statuses is taken for it, of which all would be sorted.
create index addons_listed on addons (seq) where status || '' = 'approved' and not yanked;
create index addons_listed_by_name on addons (name, seq) where status || '' = 'approved' and not yanked;
create index addons_latest_by_name on addons (name, seq) where latest;

-- +goose Down
drop index addons_latest_by_name;
drop index addons_listed_by_name;
drop index addons_listed;
drop table addon_terms_by_name;
drop table addon_places;
