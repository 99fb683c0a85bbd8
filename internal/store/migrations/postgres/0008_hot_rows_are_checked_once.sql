-- What the statements that write tokens and usage have already made sure of is not looked up again for each row (decision 0018). Machines and
-- signing keys are never deleted. SQLite, where the same costs next to nothing, keeps its constraints.
-- Verifications and creations go on meanwhile: nobody waits for this longer than the time-out, after which it is tried again (migrate.go).

-- +goose Up
SET LOCAL lock_timeout = '200ms';
LOCK TABLE machines, tokens, signing_keys, usage IN ACCESS EXCLUSIVE MODE; -- the order in which checks lock them
ALTER TABLE usage DROP CONSTRAINT usage_hour_check, DROP CONSTRAINT usage_operation_check, DROP CONSTRAINT usage_format_check,
    DROP CONSTRAINT usage_count_check;
ALTER TABLE tokens DROP CONSTRAINT tokens_machine_id_fkey, DROP CONSTRAINT tokens_key_id_fkey;
