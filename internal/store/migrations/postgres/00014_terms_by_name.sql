-- +goose Up
-- Terms are read in the order of names, too. The program fills them in anew.
alter table addon_terms add column name text collate "C" not null default '';
alter table addon_terms alter column name drop default; -- an older graft that still runs is to fail, not to write half
-- What is new is put into the index in strokes; until then each search looks at it.
alter index addon_terms_terms set (gin_pending_list_limit = 128);
create index addon_terms_by_name on addon_terms (name, seq);
-- What everybody sees who searches for nothing. status is written so that no index
-- of statuses is taken for it, of which all would be sorted.
create index addons_listed on addons (seq) where status || '' = 'approved' and not yanked;
create index addons_listed_by_name on addons (name, seq) where status || '' = 'approved' and not yanked;
create index addons_latest_by_name on addons (name, seq) where latest;
-- A new name gets its place among those that there were before at the end of its
-- transaction, in which it has none. One transaction at a time does so, until it
-- has ended: whoever sees a name sees those before it. The number is a sequence's,
-- as what a transaction reads is of its beginning.
alter table names alter column seq drop default, alter column seq drop not null;
-- +goose StatementBegin
create function order_name() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(1735549286, hashtext('names ' || current_schema()));
    update names set seq = nextval('names_seq') where name = new.name;
    return null;
end
$$;
-- +goose StatementEnd
create constraint trigger names_in_order after insert on names deferrable initially deferred
    for each row when (new.seq is null) execute function order_name();

-- +goose Down
drop trigger names_in_order on names;
drop function order_name;
alter table names alter column seq set not null, alter column seq set default 0;
drop index addons_latest_by_name;
drop index addons_listed_by_name;
drop index addons_listed;
drop index addon_terms_by_name;
alter index addon_terms_terms reset (gin_pending_list_limit);
alter table addon_terms drop column name;
