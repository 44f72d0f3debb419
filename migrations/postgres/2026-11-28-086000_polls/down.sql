DROP TABLE message_poll_votes;
DROP TABLE message_polls;
-- The version before does not know polls: what they ask stays, without the options.
UPDATE messages SET type = 'text', data = NULL WHERE type = 'poll';
ALTER TABLE messages DROP CONSTRAINT messages_type_check;
ALTER TABLE messages ADD CONSTRAINT messages_type_check CHECK (type IN ('text', 'system'));
