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

-- How far a chat has arrived at somebody's devices, and how far others are shown that somebody has read: who hides their
-- read marks moves only the mark itself.
ALTER TABLE participants ADD COLUMN delivered_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE participants ADD COLUMN shown_read_seq BIGINT NOT NULL DEFAULT 0;
UPDATE participants SET delivered_seq = read_seq, shown_read_seq = read_seq WHERE read_seq > 0;
DROP INDEX participants_read;
CREATE INDEX participants_shown_read ON participants (chat_id, shown_read_seq, user_id);
CREATE INDEX preferences_discreet ON preferences (user_id) WHERE NOT read_receipts;

-- When the marks moved, for the last messages of chats in which they are shown.
CREATE TABLE receipts (
    chat_id UUID NOT NULL,
    user_id UUID NOT NULL,
    -- Whether it is the read mark, and not that of what has arrived.
    read BOOLEAN NOT NULL,
    seq BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (chat_id, user_id, read, seq)
);
-- Of marks that moved before, it is only known that they did so after the message was sent.
INSERT INTO receipts (chat_id, user_id, read, seq, at)
SELECT p.chat_id, p.user_id, true, p.read_seq, m.created_at FROM participants p
JOIN chats c ON c.id = p.chat_id AND c.participant_count <= 256
JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL
JOIN messages m ON m.chat_id = p.chat_id AND m.seq = p.read_seq;
