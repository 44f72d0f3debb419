DROP TABLE message_reaction_counts;
DROP TABLE message_reactions;
DROP INDEX messages_reactions_left;
ALTER TABLE messages DROP COLUMN reaction_kinds;
