-- +goose Up
-- A name belongs to whoever published it first; numbered counts the versions
-- that had none of their own. A version that was given once is never given
-- again, not even after its addon was deleted: key is the version without build
-- metadata.
create table names (
    name       text primary key,
    publisher  text not null,
    numbered   bigint not null,
    created_at bigint not null
);
create table versions (
    name text not null references names (name),
    key  text not null,
    primary key (name, key)
);

-- Names that can be taken for each other have a key in common.
create table name_keys (
    key  text not null,
    name text not null references names (name),
    primary key (key, name)
) without rowid;

-- latest marks the version of a name that is chosen by who names none.
alter table addons add column version text not null default '';
alter table addons add column yanked boolean not null default false;
alter table addons add column latest boolean not null default false;

-- Versions that there were before are numbered. Of those that came twice the newest
-- stays what it is, and the others come before it, in their order.
update addons set version = coalesce(json_extract(document, '$.version'), '');
update addons set version = '0.0.' || numbered.n
from (select id, row_number() over (partition by name order by id) as n from addons where version = '') as numbered
where numbered.id = addons.id;
update addons set version = version || case when instr(version, '-') > 0 then '.' else '-' end || 'replaced.' || twice.nth
from (
    select id, row_number() over (partition by name, version order by id) as nth,
        row_number() over (partition by name, version order by id desc) as newest
    from addons
) as twice
where twice.id = addons.id and twice.newest > 1;
update addons set document = json_set(document, '$.version', version);

insert into names (name, publisher, numbered, created_at)
    select name, '', count(*), min(created_at) from addons group by name;
insert into versions (name, key)
    select distinct name, case when instr(version, '+') > 0 then substr(version, 1, instr(version, '+') - 1) else version end from addons;

create unique index addons_by_version on addons (name, version);

-- +goose Down
drop index addons_by_version;
alter table addons drop column latest;
alter table addons drop column yanked;
alter table addons drop column version;
drop table name_keys;
drop table versions;
drop table names;
