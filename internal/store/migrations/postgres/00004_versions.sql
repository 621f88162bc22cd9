-- +goose Up
-- No PostgreSQL has addons of before: it can be used since this version.
create table names (
    name       text collate "C" primary key,
    publisher  text not null,
    numbered   bigint not null,
    created_at bigint not null
);
create table versions (
    name text collate "C" not null references names (name),
    key  text collate "C" not null,
    primary key (name, key)
);
create table name_keys (
    key  text collate "C" not null,
    name text collate "C" not null references names (name),
    primary key (key, name)
);

alter table addons add column version text collate "C" not null default '';
alter table addons add column yanked boolean not null default false;
alter table addons add column latest boolean not null default false;
create unique index addons_by_version on addons (name, version);

-- +goose Down
drop index addons_by_version;
alter table addons drop column latest;
alter table addons drop column yanked;
alter table addons drop column version;
drop table name_keys;
drop table versions;
drop table names;
