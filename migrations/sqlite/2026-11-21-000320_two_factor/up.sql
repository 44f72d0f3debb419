-- The second factor: since when it is asked for, and when each session last showed who it is.
ALTER TABLE users ADD COLUMN two_factor_at INTEGER;
ALTER TABLE sessions ADD COLUMN authenticated_at INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET authenticated_at = created_at;

CREATE TABLE two_factor (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    enabled_at INTEGER,
    -- The latest time step whose code was used: none is taken twice.
    last_step INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    failed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;
