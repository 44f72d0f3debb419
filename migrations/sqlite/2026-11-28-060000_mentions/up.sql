-- Whom messages mention.
CREATE TABLE message_mentions (
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    -- The number of the person in the message; its entities name it.
    place INTEGER NOT NULL,
    -- Whether the author gave their id.
    given INTEGER NOT NULL,
    -- Whether it counts for them: it does not if it is their own message, or mentions everybody anyway.
    counted INTEGER NOT NULL,
    PRIMARY KEY (chat_id, seq, user_id),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
) STRICT, WITHOUT ROWID;
-- For counts and lists, exports and erasures.
CREATE INDEX message_mentions_user ON message_mentions (user_id, chat_id, seq);

-- Messages that mention everybody: one row for each, however many people are in the chat.
CREATE TABLE message_mentions_all (
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (chat_id, seq),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
) STRICT, WITHOUT ROWID;
