-- The journal: what happened, in the order in which it was committed.
CREATE TABLE epoch (
    single SMALLINT NOT NULL PRIMARY KEY CHECK (single = 1),
    id UUID NOT NULL
);
INSERT INTO epoch (single, id) VALUES (1, gen_random_uuid());

CREATE TABLE streams (
    stream SMALLINT NOT NULL PRIMARY KEY,
    head BIGINT NOT NULL,
    floor BIGINT NOT NULL
);
INSERT INTO streams (stream, head, floor)
SELECT stream, 0, 0 FROM generate_series(0, 15) AS stream;

CREATE TABLE journal (
    stream SMALLINT NOT NULL,
    position BIGINT NOT NULL,
    topic TEXT NOT NULL,
    name TEXT NOT NULL,
    actor_id UUID,
    subject_id UUID,
    at TIMESTAMPTZ NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (stream, position)
);
CREATE INDEX journal_topic ON journal (topic, stream, position);
CREATE INDEX journal_subject ON journal (subject_id) WHERE subject_id IS NOT NULL;

-- Answers of calls that carried an Idempotency-Key.
CREATE TABLE answers (
    caller_id UUID NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    answer BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (caller_id, key)
);
CREATE INDEX answers_created ON answers (created_at);

-- Accounts.
CREATE TABLE users (
    id UUID NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    email_verified_at TIMESTAMPTZ,
    password TEXT NOT NULL,
    display_name TEXT NOT NULL,
    bio TEXT,
    status_text TEXT,
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'friends', 'private')),
    role TEXT NOT NULL CHECK (role IN ('user', 'moderator', 'admin')),
    created_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE sessions (
    id UUID NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT,
    agent TEXT,
    address TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    hash BYTEA NOT NULL PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    salt BYTEA
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- Messaging.
CREATE TABLE chats (
    id UUID NOT NULL PRIMARY KEY,
    type TEXT NOT NULL CHECK (type IN ('private', 'group')),
    title TEXT,
    description TEXT,
    pair BYTEA UNIQUE,
    participant_count BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    -- Counts the changes of messages after they were sent.
    revision BIGINT NOT NULL,
    deleted_count BIGINT NOT NULL,
    -- Who has read least, how far, and how far the next has: of any message they tell whether all but its sender have
    -- read it.
    slowest_id UUID,
    slowest_seq BIGINT,
    second_seq BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    active_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE participants (
    chat_id UUID NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    joined_at TIMESTAMPTZ NOT NULL,
    read_seq BIGINT NOT NULL,
    own_after_read BIGINT NOT NULL,
    PRIMARY KEY (chat_id, user_id)
);
CREATE INDEX participants_user ON participants (user_id, chat_id);
CREATE INDEX participants_read ON participants (chat_id, read_seq, user_id);

CREATE TABLE messages (
    id UUID NOT NULL UNIQUE,
    chat_id UUID NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('text')),
    sender_id UUID NOT NULL REFERENCES users (id),
    content TEXT,
    client_id TEXT,
    fingerprint BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    edited_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ,
    deleted_by UUID,
    version BIGINT NOT NULL,
    UNIQUE (chat_id, seq)
);
CREATE UNIQUE INDEX messages_client ON messages (sender_id, client_id) WHERE client_id IS NOT NULL;
-- The few that a count of unread messages must leave out.
CREATE INDEX messages_deleted ON messages (chat_id, seq) WHERE deleted_at IS NOT NULL;

CREATE TABLE message_edits (
    message_id UUID NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    content TEXT NOT NULL,
    written_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (message_id, version)
);
