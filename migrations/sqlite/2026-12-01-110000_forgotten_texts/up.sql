-- What was noted of a message goes with it.
DELETE FROM saved_messages
WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = saved_messages.message_id AND m.deleted_at IS NULL);
CREATE INDEX saved_messages_chat ON saved_messages (chat_id, message_id);

-- What was written with a friend request that came to nothing goes with its end.
UPDATE friend_requests SET message = NULL WHERE status IN ('rejected', 'cancelled', 'expired') AND message IS NOT NULL;

-- How often a file has begun again, because a text that might be in it was deleted.
ALTER TABLE chat_exports ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0;
CREATE INDEX chat_exports_running ON chat_exports (chat_id) WHERE status = 'running';
