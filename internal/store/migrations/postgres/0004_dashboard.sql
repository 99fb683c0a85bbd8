-- The operator's sessions in the dashboard. Ids of sessions and links are kept as SHA-256. The same tables stand in the other folder.

-- +goose Up
CREATE TABLE sessions (
    hash       BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    key_hash   BYTEA  NOT NULL CHECK (octet_length(key_hash) = 32), -- the instance key that opened it: with that key it ends
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL, -- coarse
    notice     TEXT             -- what its next page says
);

CREATE TABLE first_links (
    hash       BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    expires_at BIGINT NOT NULL -- dead from this instant on
);

ALTER TABLE audit ADD COLUMN session TEXT; -- label of the dashboard session that the operator acted in

-- The living tokens of a machine, for people: how many they are, and which to revoke when all are to go. No statement of the hot path has
-- the machine of a token before it has the token, so none can take this for a way to it.
CREATE INDEX tokens_living ON tokens (machine_id, expires_at) WHERE revoked_at IS NULL;
