-- Whether a message is pinned: it then has a row in message_pins.
ALTER TABLE messages ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT FALSE;

-- The pinned messages of a chat. The highest rank comes first.
CREATE TABLE message_pins (
    chat_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    pinned_by UUID NOT NULL REFERENCES users (id),
    pinned_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (chat_id, seq),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq) ON DELETE CASCADE
);

-- Messages that people have saved for themselves. A row may outlive its message: then it is not shown, and goes when
-- there is no room for others.
CREATE TABLE saved_messages (
    user_id UUID NOT NULL REFERENCES users (id),
    message_id UUID NOT NULL,
    chat_id UUID NOT NULL,
    saved_at TIMESTAMPTZ NOT NULL,
    note TEXT,
    PRIMARY KEY (user_id, message_id)
);
CREATE INDEX saved_messages_order ON saved_messages (user_id, saved_at, message_id);
