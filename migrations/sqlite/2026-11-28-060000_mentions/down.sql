-- What is marked in texts, which the version before would take for notes of the system.
UPDATE messages SET data = NULL WHERE data IS NOT NULL AND type <> 'system';
DROP TABLE message_mentions_all;
DROP TABLE message_mentions;
