-- The first schema. Times are Unix milliseconds (UTC) of the database's clock or of the process that wrote them; ids are
-- compared bytewise, types are kept (STRICT). The same tables, names and promises stand in ../postgres.

-- +goose Up
CREATE TABLE instance (
    singleton      INTEGER NOT NULL PRIMARY KEY DEFAULT 1 CHECK (singleton = 1),
    id             TEXT NOT NULL,
    issuer         TEXT NOT NULL,
    key_hash       BLOB NOT NULL CHECK (length(key_hash) = 32),
    canary         BLOB NOT NULL,
    canary_version TEXT NOT NULL,
    ring_version   INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE machines (
    id             TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 31),
    name           TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    default_ttl    INTEGER CHECK (default_ttl BETWEEN 1 AND 315360000), -- seconds; null: opaque tokens do not expire
    default_format TEXT NOT NULL CHECK (default_format IN ('opaque', 'jwt')),
    public_jwk     TEXT,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    deleted_at     INTEGER -- a tombstone: ids are never used again, and usage history stays
) STRICT;
CREATE INDEX machines_by_age ON machines (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX machines_by_name ON machines (name, id) WHERE deleted_at IS NULL;

CREATE TABLE machine_secrets (
    hash        BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    machine_id  TEXT NOT NULL REFERENCES machines (id),
    sealed      BLOB NOT NULL,
    key_version TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER -- null: the current one; else the previous one, dead from this instant on
) STRICT;
CREATE UNIQUE INDEX machine_secrets_one_current ON machine_secrets (machine_id) WHERE expires_at IS NULL;
CREATE UNIQUE INDEX machine_secrets_one_previous ON machine_secrets (machine_id) WHERE expires_at IS NOT NULL;

CREATE TABLE machine_scopes (
    from_id    TEXT NOT NULL REFERENCES machines (id),
    to_id      TEXT NOT NULL REFERENCES machines (id),
    position   INTEGER NOT NULL, -- the order in which they were given
    created_at INTEGER NOT NULL,
    PRIMARY KEY (from_id, to_id),
    UNIQUE (from_id, position)
) WITHOUT ROWID, STRICT;
CREATE INDEX machine_scopes_by_receiver ON machine_scopes (to_id);

CREATE TABLE signing_keys (
    kid            TEXT NOT NULL PRIMARY KEY CHECK (length(kid) = 43),
    state          TEXT NOT NULL CHECK (state IN ('announced', 'active', 'retiring', 'removed', 'compromised')),
    public_key     BLOB NOT NULL CHECK (length(public_key) = 32),
    sealed         BLOB NOT NULL,
    key_version    TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    activated_at   INTEGER,
    retired_at     INTEGER,
    removed_at     INTEGER,
    compromised_at INTEGER
) STRICT;
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (state) WHERE state = 'active';

CREATE TABLE tokens (
    id                TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 35),
    hash              BLOB UNIQUE CHECK (length(hash) = 32),
    format            TEXT NOT NULL CHECK (format IN ('opaque', 'jwt')),
    machine_id        TEXT NOT NULL REFERENCES machines (id),
    scopes            TEXT NOT NULL, -- ids joined by single spaces; every id is 31 characters, so a substring match is exact
    claims            TEXT,          -- RFC 8785 form
    key_id            TEXT REFERENCES signing_keys (kid),
    issued_at         INTEGER NOT NULL,
    expires_at        INTEGER,        -- dead from this instant on
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    last_used_at      INTEGER,        -- coarse
    revoked_at        INTEGER,
    revocation_reason TEXT,
    reuse_key         BLOB CHECK (length(reuse_key) = 32),
    sealed            BLOB,
    key_version       TEXT,
    CHECK ((format = 'opaque') = (hash IS NOT NULL)),
    CHECK ((format = 'jwt') = (key_id IS NOT NULL)),
    CHECK (format = 'opaque' OR expires_at IS NOT NULL),
    CHECK ((reuse_key IS NULL) = (sealed IS NULL) AND (sealed IS NULL) = (key_version IS NULL)),
    CHECK (revocation_reason IS NULL OR revoked_at IS NOT NULL)
) STRICT;
CREATE INDEX tokens_by_machine ON tokens (machine_id, created_at DESC, id DESC);
CREATE INDEX tokens_for_reuse ON tokens (reuse_key) WHERE reuse_key IS NOT NULL;

CREATE TABLE writers (
    id         TEXT NOT NULL PRIMARY KEY,
    epoch      INTEGER NOT NULL DEFAULT 0,
    seq        INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE usage (
    hour        INTEGER NOT NULL CHECK (hour % 3600000 = 0),
    machine_id  TEXT NOT NULL,
    receiver_id TEXT NOT NULL, -- empty: a creation, or verified with the instance key
    operation   TEXT NOT NULL CHECK (operation IN ('create', 'verify')),
    format      TEXT NOT NULL CHECK (format IN ('opaque', 'jwt')),
    writer      TEXT NOT NULL,
    count       INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (hour, machine_id, receiver_id, operation, format, writer)
) WITHOUT ROWID, STRICT;

CREATE TABLE audit (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            INTEGER NOT NULL,
    actor_kind    TEXT NOT NULL CHECK (actor_kind IN ('instance_key', 'machine', 'system')),
    actor_machine TEXT,
    address       TEXT NOT NULL,
    trace_id      TEXT NOT NULL,
    action        TEXT NOT NULL,
    target        TEXT NOT NULL,
    details       TEXT NOT NULL -- a JSON object of strings
) STRICT;
CREATE INDEX audit_by_action ON audit (action, id);
CREATE INDEX audit_by_target ON audit (target, id);

-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) -- INSERT OR REPLACE would delete without asking the trigger above
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd
