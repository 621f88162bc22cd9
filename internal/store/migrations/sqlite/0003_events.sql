-- +goose Up
-- What happened, as JSON. Ids are never given twice, not even after the newest
-- row was deleted: clients resume after the last id that they saw.
create table events (
    id              integer primary key autoincrement,
    installation_id text not null,
    document        text not null
);
create index events_by_installation on events (installation_id, id);

-- +goose Down
drop table events;
