-- The journal: what happened, in the order in which it was committed.
CREATE TABLE epoch (
    single INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    id BLOB NOT NULL
) STRICT;
INSERT INTO epoch (single, id) VALUES (1, randomblob(16));

CREATE TABLE streams (
    stream INTEGER NOT NULL PRIMARY KEY,
    head INTEGER NOT NULL,
    floor INTEGER NOT NULL
) STRICT;
INSERT INTO streams (stream, head, floor) VALUES (0, 0, 0);

CREATE TABLE journal (
    stream INTEGER NOT NULL,
    position INTEGER NOT NULL,
    topic TEXT NOT NULL,
    name TEXT NOT NULL,
    actor_id BLOB,
    subject_id BLOB,
    at INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (stream, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX journal_topic ON journal (topic, stream, position);
CREATE INDEX journal_subject ON journal (subject_id) WHERE subject_id IS NOT NULL;

-- Answers of calls that carried an Idempotency-Key.
CREATE TABLE answers (
    caller_id BLOB NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    answer BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (caller_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_created ON answers (created_at);

-- Accounts.
CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    email_verified_at INTEGER,
    password TEXT NOT NULL,
    display_name TEXT NOT NULL,
    bio TEXT,
    status_text TEXT,
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'friends', 'private')),
    role TEXT NOT NULL CHECK (role IN ('user', 'moderator', 'admin')),
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT,
    agent TEXT,
    address TEXT,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    salt BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- Messaging.
CREATE TABLE chats (
    id BLOB NOT NULL PRIMARY KEY,
    type TEXT NOT NULL CHECK (type IN ('private', 'group')),
    title TEXT,
    description TEXT,
    pair BLOB UNIQUE,
    participant_count INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    -- Counts the changes of messages after they were sent.
    revision INTEGER NOT NULL,
    deleted_count INTEGER NOT NULL,
    -- Who has read least, how far, and how far the next has: of any message they tell whether all but its sender have
    -- read it.
    slowest_id BLOB,
    slowest_seq INTEGER,
    second_seq INTEGER,
    created_at INTEGER NOT NULL,
    active_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE participants (
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    joined_at INTEGER NOT NULL,
    read_seq INTEGER NOT NULL,
    own_after_read INTEGER NOT NULL,
    PRIMARY KEY (chat_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX participants_user ON participants (user_id, chat_id);
CREATE INDEX participants_read ON participants (chat_id, read_seq, user_id);

CREATE TABLE messages (
    id BLOB NOT NULL UNIQUE,
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('text')),
    sender_id BLOB NOT NULL REFERENCES users (id),
    content TEXT,
    client_id TEXT,
    fingerprint BLOB,
    created_at INTEGER NOT NULL,
    edited_at INTEGER,
    deleted_at INTEGER,
    deleted_by BLOB,
    version INTEGER NOT NULL,
    UNIQUE (chat_id, seq)
) STRICT;
CREATE UNIQUE INDEX messages_client ON messages (sender_id, client_id) WHERE client_id IS NOT NULL;
-- The few that a count of unread messages must leave out.
CREATE INDEX messages_deleted ON messages (chat_id, seq) WHERE deleted_at IS NOT NULL;

CREATE TABLE message_edits (
    message_id BLOB NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    content TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    PRIMARY KEY (message_id, version)
) STRICT, WITHOUT ROWID;
