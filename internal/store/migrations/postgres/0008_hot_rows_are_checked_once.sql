-- What the statements that write tokens and usage have already made sure of is not looked up again for each row (decision 0018): machines and
-- signing keys are never deleted, a token is recorded only for those that the statement has just found, and rows of usage have no other
-- source than such statements. SQLite, where the same costs next to nothing, keeps its constraints.

-- +goose Up
ALTER TABLE tokens DROP CONSTRAINT tokens_machine_id_fkey, DROP CONSTRAINT tokens_key_id_fkey;
ALTER TABLE usage DROP CONSTRAINT usage_hour_check, DROP CONSTRAINT usage_operation_check, DROP CONSTRAINT usage_format_check,
    DROP CONSTRAINT usage_count_check;
