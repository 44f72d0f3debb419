-- How many seconds members wait between two messages.
ALTER TABLE chats ADD COLUMN slow_seconds INTEGER NOT NULL DEFAULT 0;
-- The version of its word filter, 0 if it catches nothing.
ALTER TABLE chats ADD COLUMN filter_version INTEGER NOT NULL DEFAULT 0;
-- Until when they are muted: a copy from chat_sanctions, for sends.
ALTER TABLE participants ADD COLUMN silent_until INTEGER;
-- When they last wrote there.
ALTER TABLE participants ADD COLUMN spoke_at INTEGER;
-- The same of who has left, so that leaving ends no pause.
ALTER TABLE former_participants ADD COLUMN spoke_at INTEGER;

-- What was done to somebody in a chat, and why.
CREATE TABLE chat_sanctions (
    id BLOB PRIMARY KEY,
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    by_id BLOB REFERENCES users (id),
    kind TEXT NOT NULL CHECK (kind IN ('mute', 'ban', 'purge', 'rejection')),
    reason TEXT NOT NULL,
    since INTEGER NOT NULL,
    -- Without an end, nobody but a person ends it.
    until INTEGER,
    lifted_at INTEGER,
    lifted_by BLOB REFERENCES users (id),
    lift_reason TEXT,
    -- Whether the person is told of it and sees why: not somebody who has nothing to do with the chat.
    told INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX chat_sanctions_now ON chat_sanctions (chat_id, kind, user_id)
    WHERE kind IN ('mute', 'ban') AND lifted_at IS NULL;
CREATE INDEX chat_sanctions_list ON chat_sanctions (chat_id, kind, id) WHERE kind IN ('mute', 'ban') AND lifted_at IS NULL;
CREATE INDEX chat_sanctions_user ON chat_sanctions (user_id, id);
CREATE INDEX chat_sanctions_chat ON chat_sanctions (chat_id);
CREATE INDEX chat_sanctions_by ON chat_sanctions (by_id) WHERE by_id IS NOT NULL;
CREATE INDEX chat_sanctions_lifted_by ON chat_sanctions (lifted_by) WHERE lifted_by IS NOT NULL;
CREATE INDEX chat_sanctions_since ON chat_sanctions (since);

-- The words that a chat catches; those of the server are under the nil id.
CREATE TABLE word_filters (
    id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('flag', 'hold', 'block')),
    -- One on each line.
    words TEXT NOT NULL
) STRICT;
INSERT INTO word_filters (id, version, action, words) VALUES (x'00000000000000000000000000000000', 1, 'block', '');

-- What a filter caught, and about which somebody has to decide.
CREATE TABLE message_reviews (
    id BLOB PRIMARY KEY,
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Whether the server decides, and not the chat.
    by_server INTEGER NOT NULL CHECK (by_server IN (0, 1)),
    kind TEXT NOT NULL CHECK (kind IN ('held', 'flagged')),
    -- Of one that was sent.
    seq INTEGER,
    -- Of one that was not sent.
    content TEXT,
    client_id TEXT,
    -- How long it stays, as in messages.
    lifetime INTEGER,
    fingerprint BLOB,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_reviews_held ON message_reviews (chat_id, user_id, fingerprint) WHERE kind = 'held';
CREATE UNIQUE INDEX message_reviews_flagged ON message_reviews (chat_id, user_id, seq) WHERE kind = 'flagged';
CREATE INDEX message_reviews_chat ON message_reviews (chat_id, id) WHERE NOT by_server;
CREATE INDEX message_reviews_server ON message_reviews (id) WHERE by_server;
CREATE INDEX message_reviews_user ON message_reviews (user_id);

CREATE TABLE chat_brakes (
    chat_id BLOB PRIMARY KEY REFERENCES chats (id) ON DELETE CASCADE,
    joins INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    hold_seconds INTEGER NOT NULL,
    -- Until when those who came lately count.
    counted_until INTEGER,
    held_until INTEGER
) STRICT;

CREATE TABLE chat_purges (
    id BLOB PRIMARY KEY,
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    by_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    since INTEGER,
    until INTEGER,
    -- Messages up to this one are looked at, and up to that one they have been.
    last_seq INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX chat_purges_chat ON chat_purges (chat_id);
CREATE INDEX chat_purges_user ON chat_purges (user_id);
CREATE INDEX chat_purges_by ON chat_purges (by_id);
CREATE INDEX chat_purges_finished ON chat_purges (finished_at) WHERE finished_at IS NOT NULL;
