-- When the messages were sent, so that an index finds the newest mentions of somebody in all chats.
ALTER TABLE message_mentions ADD COLUMN sent_at INTEGER NOT NULL DEFAULT 0;
UPDATE message_mentions SET sent_at = (SELECT m.created_at FROM messages m
    WHERE m.chat_id = message_mentions.chat_id AND m.seq = message_mentions.seq);
CREATE INDEX message_mentions_sent ON message_mentions (user_id, sent_at, chat_id, seq);

ALTER TABLE message_mentions_all ADD COLUMN sent_at INTEGER NOT NULL DEFAULT 0;
UPDATE message_mentions_all SET sent_at = (SELECT m.created_at FROM messages m
    WHERE m.chat_id = message_mentions_all.chat_id AND m.seq = message_mentions_all.seq);
CREATE INDEX message_mentions_all_sent ON message_mentions_all (chat_id, sent_at, seq);
