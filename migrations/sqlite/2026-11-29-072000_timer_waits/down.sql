DROP INDEX messages_unread_timers;
CREATE INDEX messages_unread_timers ON messages (chat_id, seq)
    WHERE lifetime < 0 AND expires_at IS NULL AND deleted_at IS NULL;
ALTER TABLE messages DROP COLUMN timer_waits;
