-- Wider than before, so no row has to be looked at: that would lock the table for as long as it takes.
ALTER TABLE messages DROP CONSTRAINT messages_type_check;
ALTER TABLE messages ADD CONSTRAINT messages_type_check CHECK (type IN ('text', 'system', 'poll')) NOT VALID;

-- The poll of a message, whose question and options are stored with it.
CREATE TABLE message_polls (
    chat_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    -- How many people have chosen each option: numbers in a JSON array. So a page of messages counts nothing.
    votes TEXT NOT NULL,
    -- How many people have voted; -1 while the votes of a deleted message are being deleted.
    voters BIGINT NOT NULL,
    closed_at TIMESTAMPTZ,
    PRIMARY KEY (chat_id, seq),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
);
CREATE INDEX message_polls_left ON message_polls (chat_id, seq) WHERE voters < 0;

CREATE TABLE message_poll_votes (
    chat_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    -- The options that they have chosen, each a bit.
    choices BIGINT NOT NULL,
    voted_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (chat_id, seq, user_id),
    FOREIGN KEY (chat_id, seq) REFERENCES message_polls (chat_id, seq)
);
-- For exports and erasures.
CREATE INDEX message_poll_votes_user ON message_poll_votes (user_id, chat_id, seq);
