-- What people want; who has no row wants what most do.
CREATE TABLE preferences (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    language TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    theme TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    messages_from TEXT NOT NULL,
    read_receipts INTEGER NOT NULL,
    notify_about TEXT NOT NULL,
    notify_by_push INTEGER NOT NULL,
    notify_by_mail INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
