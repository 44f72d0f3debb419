CREATE TABLE blocks (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hide_messages INTEGER NOT NULL CHECK (hide_messages IN (0, 1)),
    since INTEGER NOT NULL,
    PRIMARY KEY (user_id, blocked_id),
    CHECK (user_id <> blocked_id)
) STRICT, WITHOUT ROWID;
-- Who has blocked somebody: for each thing that is shown, both directions are looked up.
CREATE INDEX blocks_blocked ON blocks (blocked_id, user_id);

CREATE TABLE mutes (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    muted_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    since INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (user_id, muted_id),
    CHECK (user_id <> muted_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX mutes_muted ON mutes (muted_id);
CREATE INDEX mutes_until ON mutes (until) WHERE until IS NOT NULL;

-- What somebody notes about another person, for themselves only.
CREATE TABLE user_notes (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    about_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text BLOB NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (user_id, about_id),
    CHECK (user_id <> about_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_notes_about ON user_notes (about_id);

-- Nobody can write in a closed chat any more.
ALTER TABLE chats ADD COLUMN closed INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1));
