-- Whether a message that has an end anyway ends earlier once it has been read.
ALTER TABLE messages ADD COLUMN timer_waits INTEGER CHECK (timer_waits IN (0, 1));
DROP INDEX messages_unread_timers;
CREATE INDEX messages_unread_timers ON messages (chat_id, seq)
    WHERE lifetime < 0 AND (expires_at IS NULL OR timer_waits) AND deleted_at IS NULL;
