ALTER TABLE messages RESET (fillfactor);
DROP INDEX messages_reactions_left;
UPDATE messages SET reaction_kinds = -1 WHERE reactions_left;
CREATE INDEX messages_reactions_left ON messages (chat_id, seq) WHERE reaction_kinds < 0;
ALTER TABLE messages DROP COLUMN reactions_left;
