-- How many different emoji a message has; -1 while the reactions to a deleted message are being deleted.
ALTER TABLE messages ADD COLUMN reaction_kinds INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_reactions_left ON messages (chat_id, seq) WHERE reaction_kinds < 0;

CREATE TABLE message_reactions (
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    reacted_at INTEGER NOT NULL,
    PRIMARY KEY (chat_id, seq, emoji, user_id),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
) STRICT, WITHOUT ROWID;
-- For exports and erasures.
CREATE INDEX message_reactions_user ON message_reactions (user_id, chat_id, seq);

-- So that a page of messages counts nothing.
CREATE TABLE message_reaction_counts (
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    people INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (chat_id, seq, emoji),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
) STRICT, WITHOUT ROWID;
