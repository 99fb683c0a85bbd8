-- Nothing here: SQLite has no hash indexes (see ../postgres).

-- +goose Up
SELECT 1;
