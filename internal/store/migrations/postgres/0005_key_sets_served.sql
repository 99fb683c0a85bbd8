-- What replicas answer with: how long the key set may be kept, how old their copy of it may be (both in milliseconds), and until when one of
-- them may answer so. A key is announced for as long as the largest of it that is not over asks for. One row for each pair that was ever
-- configured. The same table stands in the other folder.

-- +goose Up
CREATE TABLE key_sets_served (
    max_age BIGINT NOT NULL CHECK (max_age > 0),
    lease   BIGINT NOT NULL CHECK (lease > 0),
    until   BIGINT NOT NULL,
    PRIMARY KEY (max_age, lease)
);
