-- The way from a bearer string to its token: one page of a hash index, where the tree of the UNIQUE constraint is three or four pages deep.
-- The tree stays: it is what lets no two tokens have one hash (decision 0019). Built while everybody goes on; what a build that was broken
-- off has left behind is no index, and goes first.

-- +goose NO TRANSACTION
-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('tokens_by_hash') AND NOT indisvalid) THEN
        SET LOCAL lock_timeout = '200ms';
        DROP INDEX tokens_by_hash;
    END IF;
END
$$;
-- +goose StatementEnd
CREATE INDEX CONCURRENTLY IF NOT EXISTS tokens_by_hash ON tokens USING hash (hash);
