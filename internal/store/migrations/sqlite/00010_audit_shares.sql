-- +goose Up
-- Whose entry it is, and which one of his: when there are too many, the oldest of whoever has most go,
-- and the newest 1,000 of nobody do.
drop trigger audit_never_changes;
drop trigger audit_keeps_the_newest;
alter table audit add column principal text not null default '';
alter table audit add column nth bigint not null default 0;
update audit set principal = coalesce(json_extract(document, '$.principal'), '');
update audit set nth = numbered.n
from (select id, row_number() over (partition by principal order by id) as n from audit) as numbered where numbered.id = audit.id;
create unique index audit_by_principal on audit (principal, nth);
-- +goose StatementBegin
create trigger audit_never_changes before update on audit
begin
    select raise(abort, 'the audit log is append-only');
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger audit_keeps_shares before delete on audit
when old.nth > (select max(nth) from audit where principal = old.principal) - 1000
begin
    select raise(abort, 'the newest 1000 entries of each principal in the audit log stay');
end;
-- +goose StatementEnd

-- +goose Down
drop trigger audit_keeps_shares;
drop index audit_by_principal;
alter table audit drop column nth;
alter table audit drop column principal;
-- +goose StatementBegin
create trigger audit_keeps_the_newest before delete on audit
when old.id > (select max(id) from audit) - 100000
begin
    select raise(abort, 'the newest 100000 entries of the audit log stay');
end;
-- +goose StatementEnd
