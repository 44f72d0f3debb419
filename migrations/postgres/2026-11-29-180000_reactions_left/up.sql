-- Whether reactions to a deleted message are still to be deleted. An index must not depend on the number of kinds: a reaction
-- would then write a new version of the message into all indexes.
ALTER TABLE messages ADD COLUMN reactions_left BOOLEAN NOT NULL DEFAULT false;
UPDATE messages SET reactions_left = true, reaction_kinds = 0 WHERE reaction_kinds < 0;
DROP INDEX messages_reactions_left;
CREATE INDEX messages_reactions_left ON messages (chat_id, seq) WHERE reactions_left;
-- Room in each page for new versions of its messages.
ALTER TABLE messages SET (fillfactor = 90);
