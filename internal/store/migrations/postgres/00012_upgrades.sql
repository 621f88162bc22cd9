-- +goose Up
-- The version of an addon that comes back if the one that an installation is to
-- run does not come up, as JSON; empty: none does.
alter table installations add column previous text not null default '';

-- +goose Down
alter table installations drop column previous;
