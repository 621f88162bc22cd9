-- +goose Up
-- See the same migration for SQLite.
drop trigger audit_never_changes on audit;
alter table audit add column principal text collate "C" not null default '';
alter table audit add column nth bigint not null default 0;
update audit set principal = coalesce(document::json ->> 'principal', '');
update audit set nth = numbered.n
from (select id, row_number() over (partition by principal order by id) as n from audit) as numbered where numbered.id = audit.id;
create unique index audit_by_principal on audit (principal, nth);
-- +goose StatementBegin
create or replace function audit_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        raise exception 'the audit log is append-only';
    end if;
    if old.nth > (select max(nth) from audit where principal = old.principal) - 1000 then
        raise exception 'the newest 1000 entries of each principal in the audit log stay';
    end if;
    return old;
end
$$;
-- +goose StatementEnd
create trigger audit_never_changes before update or delete on audit for each row execute function audit_stays();

-- +goose Down
drop trigger audit_never_changes on audit;
drop index audit_by_principal;
alter table audit drop column nth;
alter table audit drop column principal;
-- +goose StatementBegin
create or replace function audit_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        raise exception 'the audit log is append-only';
    end if;
    if old.id > (select max(id) from audit) - 100000 then
        raise exception 'the newest 100000 entries of the audit log stay';
    end if;
    return old;
end
$$;
-- +goose StatementEnd
create trigger audit_never_changes before update or delete on audit for each row execute function audit_stays();
