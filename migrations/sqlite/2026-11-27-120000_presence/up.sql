-- What people say they are doing, and when they were last seen.
CREATE TABLE presence (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    status TEXT NOT NULL DEFAULT 'online',
    until INTEGER,
    last_seen_at INTEGER
) STRICT, WITHOUT ROWID;
