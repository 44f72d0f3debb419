CREATE TABLE blocks (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hide_messages boolean NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (user_id, blocked_id),
    CHECK (user_id <> blocked_id)
);
-- Who has blocked somebody: for each thing that is shown, both directions are looked up.
CREATE INDEX blocks_blocked ON blocks (blocked_id, user_id);

CREATE TABLE mutes (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    muted_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    since timestamptz NOT NULL,
    until timestamptz,
    PRIMARY KEY (user_id, muted_id),
    CHECK (user_id <> muted_id)
);
CREATE INDEX mutes_muted ON mutes (muted_id);
CREATE INDEX mutes_until ON mutes (until) WHERE until IS NOT NULL;

-- What somebody notes about another person, for themselves only.
CREATE TABLE user_notes (
    id uuid NOT NULL PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    about_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text bytea NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (user_id, about_id),
    CHECK (user_id <> about_id)
);
CREATE INDEX user_notes_about ON user_notes (about_id);

-- Nobody can write in a closed chat any more.
ALTER TABLE chats ADD COLUMN closed boolean NOT NULL DEFAULT false;
