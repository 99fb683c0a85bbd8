-- What a signing key has signed, and what is sealed under which version of the master key. The same indexes stand in the other folder.
-- Their conditions are such that no statement of the hot path can take them for a way to a token.

-- +goose Up
CREATE INDEX tokens_by_signer ON tokens (key_id, expires_at) WHERE format = 'jwt' AND revoked_at IS NULL;
CREATE INDEX tokens_by_seal ON tokens (key_version, id) WHERE key_version IS NOT NULL;
