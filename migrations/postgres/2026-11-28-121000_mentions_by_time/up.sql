-- When the messages were sent, so that an index finds the newest mentions of somebody in all chats. A server of the
-- version before does not say; then it is now.
ALTER TABLE message_mentions ADD COLUMN sent_at TIMESTAMPTZ NOT NULL DEFAULT now();
UPDATE message_mentions n SET sent_at = m.created_at FROM messages m WHERE m.chat_id = n.chat_id AND m.seq = n.seq;
CREATE INDEX message_mentions_sent ON message_mentions (user_id, sent_at, chat_id, seq);

ALTER TABLE message_mentions_all ADD COLUMN sent_at TIMESTAMPTZ NOT NULL DEFAULT now();
UPDATE message_mentions_all n SET sent_at = m.created_at FROM messages m WHERE m.chat_id = n.chat_id AND m.seq = n.seq;
CREATE INDEX message_mentions_all_sent ON message_mentions_all (chat_id, sent_at, seq);
