-- Whether reactions to a deleted message are still to be deleted.
ALTER TABLE messages ADD COLUMN reactions_left INTEGER NOT NULL DEFAULT 0 CHECK (reactions_left IN (0, 1));
UPDATE messages SET reactions_left = 1, reaction_kinds = 0 WHERE reaction_kinds < 0;
DROP INDEX messages_reactions_left;
CREATE INDEX messages_reactions_left ON messages (chat_id, seq) WHERE reactions_left;
