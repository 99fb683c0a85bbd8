-- Keys that are never to sign again need no private half. From here on a change to these states drops it; this is for those that exist.

-- +goose Up
UPDATE signing_keys SET sealed = '', key_version = '' WHERE state IN ('removed', 'compromised');

-- +goose Down
SELECT 1; -- what was dropped is gone, and nothing misses it
