DROP TABLE activity_clearings;
CREATE TABLE activity_clearings (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    cleared_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
