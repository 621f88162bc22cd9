-- +goose Up
alter table swaps add column way text not null default '';
alter table swaps add column way_back text not null default '';
alter table swaps add column reason text not null default '';
alter table installations add column supersede boolean not null default false;

-- +goose Down
alter table installations drop column supersede;
alter table swaps drop column reason;
alter table swaps drop column way_back;
alter table swaps drop column way;
