-- Messages that people have removed for themselves; everybody else still sees them.
CREATE TABLE removed_messages (
    chat_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    PRIMARY KEY (chat_id, seq, user_id),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq) ON DELETE CASCADE
);
-- For counts and limits, exports and erasures.
CREATE INDEX removed_messages_user ON removed_messages (user_id, chat_id, seq);

ALTER TABLE participants
    -- How many messages of the chat they have removed: most people none, so that their queries need not look for any.
    ADD COLUMN removed_count BIGINT NOT NULL DEFAULT 0,
    -- Up to which message they have cleared the chat.
    ADD COLUMN cleared_seq BIGINT NOT NULL DEFAULT 0,
    -- Only if visible_from is that: what it would be otherwise.
    ADD COLUMN entered_from BIGINT;
-- The same of those who have left it.
ALTER TABLE former_participants ADD COLUMN cleared_seq BIGINT NOT NULL DEFAULT 0;

-- Who came later than others; whoever has cleared the chat need not be one of them.
DROP INDEX participants_later;
CREATE INDEX participants_later ON participants (chat_id, coalesce(entered_from, visible_from))
    WHERE coalesce(entered_from, visible_from) > 0;
