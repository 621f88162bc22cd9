-- +goose Up
-- The tables are those of SQLite, where they are explained. Keys and what is
-- ordered are compared byte by byte, as SQLite does, whatever the language of the
-- database is.

create table meta (
    key   text collate "C" primary key,
    value text not null
);

create table addons (
    id         text collate "C" primary key,
    name       text collate "C" not null,
    status     text collate "C" not null,
    revision   bigint not null,
    created_at bigint not null,
    document   text not null
);
create index addons_by_status_and_name on addons (status, name, id);
create index addons_by_status on addons (status, id);

create table verifications (
    addon_id   text collate "C" primary key references addons (id) on delete cascade,
    ready_at   bigint not null,
    owner      text not null,
    token      bigint not null,
    attempts   bigint not null,
    created_at bigint not null
);
create index verifications_by_ready_at on verifications (ready_at);

create table installations (
    id             text collate "C" primary key,
    marketplace_id text collate "C" not null,
    spec           text not null,
    desired        text not null,
    generation     bigint not null,
    status         text not null,
    details        text not null,
    logs           text not null,
    activated      boolean not null,
    created_at     bigint not null,
    updated_at     bigint not null,
    revision       bigint not null
);
create unique index installations_by_marketplace_id on installations (marketplace_id)
    where desired <> 'removed';

create table swaps (
    component       text collate "C" primary key,
    container_id    text not null,
    aside_name      text not null,
    installation_id text collate "C" not null references installations (id) on delete restrict,
    service         text not null,
    record          text not null,
    created_at      bigint not null
);
create index swaps_by_installation on swaps (installation_id);

-- +goose Down
drop table swaps;
drop table installations;
drop table verifications;
drop table addons;
drop table meta;
