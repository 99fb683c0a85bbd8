-- Ways to what somebody did, from somewhere, before some time. The same indexes stand in the other folder.

-- +goose Up
CREATE INDEX audit_by_actor ON audit (actor_kind, id);
CREATE INDEX audit_by_address ON audit (address, id);
CREATE INDEX audit_by_time ON audit (at, id);
