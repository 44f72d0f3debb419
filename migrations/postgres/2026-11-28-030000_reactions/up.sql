-- How many different emoji a message has; -1 while the reactions to a deleted message are being deleted.
ALTER TABLE messages ADD COLUMN reaction_kinds BIGINT NOT NULL DEFAULT 0;
CREATE INDEX messages_reactions_left ON messages (chat_id, seq) WHERE reaction_kinds < 0;

CREATE TABLE message_reactions (
    chat_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    -- In the order of its octets, as on SQLite.
    emoji TEXT COLLATE "C" NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    reacted_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (chat_id, seq, emoji, user_id),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
);
-- For exports and erasures.
CREATE INDEX message_reactions_user ON message_reactions (user_id, chat_id, seq);

-- So that a page of messages counts nothing.
CREATE TABLE message_reaction_counts (
    chat_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    emoji TEXT COLLATE "C" NOT NULL,
    people BIGINT NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (chat_id, seq, emoji),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
);
