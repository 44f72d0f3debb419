-- When an account is due to be erased, and when it was: what is left of it then is a tombstone.
ALTER TABLE users ADD COLUMN erase_at INTEGER;
ALTER TABLE users ADD COLUMN deleted_at INTEGER;

-- Copies of what is known about somebody, made at their wish; the copy itself lies in pieces.
CREATE TABLE exports (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'ready', 'failed')),
    progress INTEGER NOT NULL,
    size INTEGER NOT NULL,
    -- Of several workers that think it is theirs, the one that began last.
    run_id BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX exports_user ON exports (user_id, created_at);
CREATE INDEX exports_expires ON exports (expires_at) WHERE expires_at IS NOT NULL;

-- The pieces, sealed with the key of whom they tell about.
CREATE TABLE export_chunks (
    id BLOB NOT NULL PRIMARY KEY,
    export_id BLOB NOT NULL REFERENCES exports (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (export_id, number)
) STRICT;

-- Accounts that are to be erased or were: how far that is, and the receipt. Nothing here is personal but the
-- address for the receipt, which is sealed and goes with the key.
CREATE TABLE erasures (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    requested_at INTEGER NOT NULL,
    erase_at INTEGER NOT NULL,
    delete_messages INTEGER NOT NULL,
    recipient BLOB,
    state TEXT NOT NULL,
    erased_at INTEGER,
    receipt TEXT
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX erasures_pending ON erasures (user_id) WHERE erased_at IS NULL;
