-- The way from a bearer string to its token: one page of a hash index, where the tree of the UNIQUE constraint is three or four pages deep.
-- Built while everybody goes on; what a build that was broken off has left behind is no index, and goes first. The tree stays: it is what
-- lets no two tokens have one hash.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS tokens_by_hash;
CREATE INDEX CONCURRENTLY tokens_by_hash ON tokens USING hash (hash);
