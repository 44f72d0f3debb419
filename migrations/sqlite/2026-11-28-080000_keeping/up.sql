-- Whether a message is pinned: it then has a row in message_pins.
ALTER TABLE messages ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;

-- The pinned messages of a chat. The highest rank comes first.
CREATE TABLE message_pins (
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    pinned_by BLOB NOT NULL REFERENCES users (id),
    pinned_at INTEGER NOT NULL,
    PRIMARY KEY (chat_id, seq),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Messages that people have saved for themselves. A row may outlive its message: then it is not shown, and goes when
-- there is no room for others.
CREATE TABLE saved_messages (
    user_id BLOB NOT NULL REFERENCES users (id),
    message_id BLOB NOT NULL,
    chat_id BLOB NOT NULL,
    saved_at INTEGER NOT NULL,
    note TEXT,
    PRIMARY KEY (user_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX saved_messages_order ON saved_messages (user_id, saved_at, message_id);
