-- +goose Up
-- Whether the data of an installation that is being removed is to stay.
alter table installations add column keep_data boolean not null default false;

-- Volumes whose data was kept when an addon was uninstalled. made_for is the
-- installation that they were made for, which is gone: they have its label for
-- good. owner is the one that took them over; empty: none has.
create table kept_volumes (
    name     text primary key,
    addon    text not null,
    made_for text not null,
    owner    text not null default '',
    kept_at  bigint not null
);
create index kept_volumes_by_owner on kept_volumes (owner);

-- +goose Down
drop table kept_volumes;
alter table installations drop column keep_data;
