-- What people did: a row for each kind, thing and day.
CREATE TABLE activity (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    UNIQUE (user_id, day, kind, target_id)
) STRICT, WITHOUT ROWID;
-- The log of one person, all of it and of one kind.
CREATE INDEX activity_user ON activity (user_id, at, id);
CREATE INDEX activity_kind ON activity (user_id, kind, at, id);
-- What is old enough to go.
CREATE INDEX activity_at ON activity (at);

-- What was done before does not come back, even if it is read later.
CREATE TABLE activity_clearings (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    cleared_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
