DROP INDEX message_mentions_all_sent;
ALTER TABLE message_mentions_all DROP COLUMN sent_at;
DROP INDEX message_mentions_sent;
ALTER TABLE message_mentions DROP COLUMN sent_at;
