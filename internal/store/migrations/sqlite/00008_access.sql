-- +goose Up
-- Tokens of principals; of the secrets only SHA-256 hashes, in hex. Times are
-- microseconds, 0 for never. Rows stay when a token is revoked: the audit log
-- may name its principal.
create table tokens (
    id         text primary key,
    name       text not null,
    role       text not null,
    hash       text not null unique,
    created_at bigint not null,
    expires_at bigint not null default 0,
    revoked_at bigint not null default 0,
    used_at    bigint not null default 0
);
create unique index tokens_by_name on tokens (name) where revoked_at = 0;

-- Who changed what, or wanted to. It is only ever added to; what goes is beyond
-- the newest 100,000.
create table audit (
    id       integer primary key autoincrement,
    document text not null
);
-- +goose StatementBegin
create trigger audit_never_changes before update on audit
begin
    select raise(abort, 'the audit log is append-only');
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger audit_keeps_the_newest before delete on audit
when old.id > (select max(id) from audit) - 100000
begin
    select raise(abort, 'the newest 100000 entries of the audit log stay');
end;
-- +goose StatementEnd

-- +goose Down
drop table audit;
drop table tokens;
