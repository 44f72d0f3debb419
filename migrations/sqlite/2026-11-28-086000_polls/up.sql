-- The poll of a message, whose question and options are stored with it.
CREATE TABLE message_polls (
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    -- How many people have chosen each option: numbers in a JSON array. So a page of messages counts nothing.
    votes TEXT NOT NULL,
    -- How many people have voted; -1 while the votes of a deleted message are being deleted.
    voters INTEGER NOT NULL,
    closed_at INTEGER,
    PRIMARY KEY (chat_id, seq),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_polls_left ON message_polls (chat_id, seq) WHERE voters < 0;

CREATE TABLE message_poll_votes (
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    -- The options that they have chosen, each a bit.
    choices INTEGER NOT NULL,
    voted_at INTEGER NOT NULL,
    PRIMARY KEY (chat_id, seq, user_id),
    FOREIGN KEY (chat_id, seq) REFERENCES message_polls (chat_id, seq)
) STRICT, WITHOUT ROWID;
-- For exports and erasures.
CREATE INDEX message_poll_votes_user ON message_poll_votes (user_id, chat_id, seq);

-- Only what the column may contain changes, and no row, so the table is not copied.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (type IN (''text'', ''system''))', 'CHECK (type IN (''text'', ''system'', ''poll''))')
    WHERE type = 'table' AND name = 'messages';
PRAGMA writable_schema = RESET;
