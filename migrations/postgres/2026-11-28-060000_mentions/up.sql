-- Whom messages mention.
CREATE TABLE message_mentions (
    chat_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    -- The number of the person in the message; its entities name it.
    place BIGINT NOT NULL,
    -- Whether the author gave their id.
    given BOOLEAN NOT NULL,
    -- Whether it counts for them: it does not if it is their own message, or mentions everybody anyway.
    counted BOOLEAN NOT NULL,
    PRIMARY KEY (chat_id, seq, user_id),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
);
-- For counts and lists, exports and erasures.
CREATE INDEX message_mentions_user ON message_mentions (user_id, chat_id, seq);

-- Messages that mention everybody: one row for each, however many people are in the chat.
CREATE TABLE message_mentions_all (
    chat_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (chat_id, seq),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
);
