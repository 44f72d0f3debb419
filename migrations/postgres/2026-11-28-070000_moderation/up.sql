ALTER TABLE chats
    -- How many seconds members wait between two messages.
    ADD COLUMN slow_seconds bigint NOT NULL DEFAULT 0,
    -- The version of its word filter, 0 if it catches nothing.
    ADD COLUMN filter_version bigint NOT NULL DEFAULT 0;
ALTER TABLE participants
    -- Until when they are muted: a copy from chat_sanctions, for sends.
    ADD COLUMN silent_until timestamptz,
    -- When they last wrote there.
    ADD COLUMN spoke_at timestamptz;
-- The same of who has left, so that leaving ends no pause.
ALTER TABLE former_participants ADD COLUMN spoke_at timestamptz;

-- What was done to somebody in a chat, and why.
CREATE TABLE chat_sanctions (
    id uuid PRIMARY KEY,
    chat_id uuid NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    by_id uuid REFERENCES users (id),
    kind text NOT NULL CHECK (kind IN ('mute', 'ban', 'purge', 'rejection')),
    reason text NOT NULL,
    since timestamptz NOT NULL,
    -- Without an end, nobody but a person ends it.
    until timestamptz,
    lifted_at timestamptz,
    lifted_by uuid REFERENCES users (id),
    lift_reason text,
    -- Whether the person is told of it and sees why: not somebody who has nothing to do with the chat.
    told boolean NOT NULL
);
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
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    action text NOT NULL CHECK (action IN ('flag', 'hold', 'block')),
    -- One on each line.
    words text NOT NULL
);
INSERT INTO word_filters (id, version, action, words) VALUES ('00000000-0000-0000-0000-000000000000', 1, 'block', '');

-- What a filter caught, and about which somebody has to decide.
CREATE TABLE message_reviews (
    id uuid PRIMARY KEY,
    chat_id uuid NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Whether the server decides, and not the chat.
    by_server boolean NOT NULL,
    kind text NOT NULL CHECK (kind IN ('held', 'flagged')),
    -- Of one that was sent.
    seq bigint,
    -- Of one that was not sent.
    content text,
    client_id text,
    -- How long it stays, as in messages.
    lifetime bigint,
    fingerprint bytea,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX message_reviews_held ON message_reviews (chat_id, user_id, fingerprint) WHERE kind = 'held';
CREATE UNIQUE INDEX message_reviews_flagged ON message_reviews (chat_id, user_id, seq) WHERE kind = 'flagged';
CREATE INDEX message_reviews_chat ON message_reviews (chat_id, id) WHERE NOT by_server;
CREATE INDEX message_reviews_server ON message_reviews (id) WHERE by_server;
CREATE INDEX message_reviews_user ON message_reviews (user_id);

CREATE TABLE chat_brakes (
    chat_id uuid PRIMARY KEY REFERENCES chats (id) ON DELETE CASCADE,
    joins bigint NOT NULL,
    seconds bigint NOT NULL,
    hold_seconds bigint NOT NULL,
    -- Until when those who came lately count.
    counted_until timestamptz,
    held_until timestamptz
);

CREATE TABLE chat_purges (
    id uuid PRIMARY KEY,
    chat_id uuid NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    by_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    since timestamptz,
    until timestamptz,
    -- Messages up to this one are looked at, and up to that one they have been.
    last_seq bigint NOT NULL,
    seq bigint NOT NULL,
    deleted bigint NOT NULL,
    finished_at timestamptz
);
CREATE INDEX chat_purges_chat ON chat_purges (chat_id);
CREATE INDEX chat_purges_user ON chat_purges (user_id);
CREATE INDEX chat_purges_by ON chat_purges (by_id);
CREATE INDEX chat_purges_finished ON chat_purges (finished_at) WHERE finished_at IS NOT NULL;
