DROP TABLE activity_clearings;
CREATE TABLE activity_clearings (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    cleared_at timestamptz NOT NULL
);
