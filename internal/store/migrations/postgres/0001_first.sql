-- The first schema. Times are Unix milliseconds (UTC) of the database's clock or of the process that wrote them; ids are
-- compared bytewise. The same tables, names and promises stand in ../sqlite.

-- +goose Up
CREATE TABLE instance (
    singleton      SMALLINT NOT NULL PRIMARY KEY DEFAULT 1 CHECK (singleton = 1),
    id             TEXT     NOT NULL,
    issuer         TEXT     NOT NULL,
    key_hash       BYTEA    NOT NULL CHECK (octet_length(key_hash) = 32),
    canary         BYTEA    NOT NULL,
    canary_version TEXT     NOT NULL,
    ring_version   BIGINT   NOT NULL DEFAULT 0,
    created_at     BIGINT   NOT NULL
);

CREATE TABLE machines (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 31),
    name           TEXT COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    default_ttl    BIGINT CHECK (default_ttl BETWEEN 1 AND 315360000), -- seconds; null: opaque tokens do not expire
    default_format TEXT NOT NULL CHECK (default_format IN ('opaque', 'jwt')),
    public_jwk     TEXT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    deleted_at     BIGINT -- a tombstone: ids are never used again, and usage history stays
);
CREATE INDEX machines_by_age ON machines (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX machines_by_name ON machines (name, id) WHERE deleted_at IS NULL;

CREATE TABLE machine_secrets (
    hash        BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    machine_id  TEXT COLLATE "C" NOT NULL REFERENCES machines (id),
    sealed      BYTEA NOT NULL,
    key_version TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT -- null: the current one; else the previous one, dead from this instant on
);
CREATE UNIQUE INDEX machine_secrets_one_current ON machine_secrets (machine_id) WHERE expires_at IS NULL;
CREATE UNIQUE INDEX machine_secrets_one_previous ON machine_secrets (machine_id) WHERE expires_at IS NOT NULL;

CREATE TABLE machine_scopes (
    from_id    TEXT COLLATE "C" NOT NULL REFERENCES machines (id),
    to_id      TEXT COLLATE "C" NOT NULL REFERENCES machines (id),
    position   BIGINT NOT NULL, -- the order in which they were given
    created_at BIGINT NOT NULL,
    PRIMARY KEY (from_id, to_id),
    UNIQUE (from_id, position)
);
CREATE INDEX machine_scopes_by_receiver ON machine_scopes (to_id);

CREATE TABLE signing_keys (
    kid            TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(kid) = 43),
    state          TEXT NOT NULL CHECK (state IN ('announced', 'active', 'retiring', 'removed', 'compromised')),
    public_key     BYTEA NOT NULL CHECK (octet_length(public_key) = 32),
    sealed         BYTEA NOT NULL,
    key_version    TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    activated_at   BIGINT,
    retired_at     BIGINT,
    removed_at     BIGINT,
    compromised_at BIGINT
);
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (state) WHERE state = 'active';

CREATE TABLE tokens (
    id                TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 35),
    hash              BYTEA UNIQUE CHECK (octet_length(hash) = 32),
    format            TEXT NOT NULL CHECK (format IN ('opaque', 'jwt')),
    machine_id        TEXT COLLATE "C" NOT NULL REFERENCES machines (id),
    scopes            TEXT NOT NULL, -- ids joined by single spaces; every id is 31 characters, so a substring match is exact
    claims            TEXT,          -- RFC 8785 form
    key_id            TEXT COLLATE "C" REFERENCES signing_keys (kid),
    issued_at         BIGINT NOT NULL,
    expires_at        BIGINT,        -- dead from this instant on
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    last_used_at      BIGINT,        -- coarse
    revoked_at        BIGINT,
    revocation_reason TEXT,
    reuse_key         BYTEA CHECK (octet_length(reuse_key) = 32),
    sealed            BYTEA,
    key_version       TEXT,
    CHECK ((format = 'opaque') = (hash IS NOT NULL)),
    CHECK ((format = 'jwt') = (key_id IS NOT NULL)),
    CHECK (format = 'opaque' OR expires_at IS NOT NULL),
    CHECK ((reuse_key IS NULL) = (sealed IS NULL) AND (sealed IS NULL) = (key_version IS NULL)),
    CHECK (revocation_reason IS NULL OR revoked_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX tokens_by_machine ON tokens (machine_id, created_at DESC, id DESC);
CREATE INDEX tokens_for_reuse ON tokens (reuse_key) WHERE reuse_key IS NOT NULL;

CREATE TABLE writers (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    epoch      BIGINT NOT NULL DEFAULT 0,
    seq        BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE usage (
    hour        BIGINT NOT NULL CHECK (hour % 3600000 = 0),
    machine_id  TEXT COLLATE "C" NOT NULL,
    receiver_id TEXT COLLATE "C" NOT NULL, -- empty: a creation, or verified with the instance key
    operation   TEXT COLLATE "C" NOT NULL CHECK (operation IN ('create', 'verify')),
    format      TEXT COLLATE "C" NOT NULL CHECK (format IN ('opaque', 'jwt')),
    writer      TEXT COLLATE "C" NOT NULL,
    count       BIGINT NOT NULL CHECK (count > 0),
    PRIMARY KEY (hour, machine_id, receiver_id, operation, format, writer)
) WITH (fillfactor = 80);

CREATE TABLE audit (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            BIGINT NOT NULL,
    actor_kind    TEXT NOT NULL CHECK (actor_kind IN ('instance_key', 'machine', 'system')),
    actor_machine TEXT,
    address       TEXT NOT NULL,
    trace_id      TEXT NOT NULL,
    action        TEXT NOT NULL,
    target        TEXT NOT NULL,
    details       TEXT NOT NULL -- a JSON object of strings
);
CREATE INDEX audit_by_action ON audit (action, id);
CREATE INDEX audit_by_target ON audit (target, id);

-- +goose StatementBegin
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
