-- Nothing here: on PostgreSQL this version drops constraints that cost time there (decision 0018).

-- +goose Up
SELECT 1;
