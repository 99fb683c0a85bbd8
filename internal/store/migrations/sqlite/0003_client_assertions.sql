-- Which client assertions (RFC 7523) were used: each is good once, on whatever replica. A row is forgotten once its assertion has expired.
-- The same table stands in the other folder.

-- +goose Up
CREATE TABLE client_assertions (
    machine_id TEXT    NOT NULL REFERENCES machines (id),
    use_hash   BLOB    NOT NULL CHECK (length(use_hash) = 32), -- SHA-256 of the jti
    expires_at INTEGER NOT NULL,                               -- dead from this instant on
    PRIMARY KEY (machine_id, use_hash)
) STRICT;
CREATE INDEX client_assertions_by_end ON client_assertions (expires_at);
