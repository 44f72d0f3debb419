-- One data key per person, sealed by the key ring. Without its row nothing that it sealed can be read any more.
-- The nil id stands for those who are nobody. There is no reference to users: a key goes when erasure says so.
CREATE TABLE user_keys (
    user_id BLOB NOT NULL PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    key BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
