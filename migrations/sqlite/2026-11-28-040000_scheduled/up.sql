-- Messages that are sent later. Only their authors see them: what they say is encrypted.
CREATE TABLE scheduled_messages (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    -- It may be gone when the message is to be sent, and then the author is told.
    chat_id BLOB NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'sent', 'refused', 'cancelled')),
    send_at INTEGER NOT NULL,
    plan BLOB NOT NULL,
    -- A keyed hash of the author's own id for it, and one of what it is for.
    client_key BLOB,
    fingerprint BLOB NOT NULL,
    message_id BLOB,
    problem TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    version INTEGER NOT NULL,
    UNIQUE (user_id, client_key)
) STRICT;
CREATE INDEX scheduled_messages_due ON scheduled_messages (send_at, id) WHERE status = 'waiting';
CREATE INDEX scheduled_messages_own ON scheduled_messages (user_id, status, send_at, id);
CREATE INDEX scheduled_messages_finished ON scheduled_messages (finished_at) WHERE finished_at IS NOT NULL;

-- How long messages stay, in seconds; negative if that counts from when all others have read them.
ALTER TABLE chats ADD COLUMN lifetime INTEGER;
-- Somebody has read on, and the time of messages may begin.
ALTER TABLE chats ADD COLUMN timers_due INTEGER NOT NULL DEFAULT 0 CHECK (timers_due IN (0, 1));
CREATE INDEX chats_timers_due ON chats (id) WHERE timers_due;
ALTER TABLE messages ADD COLUMN lifetime INTEGER;
ALTER TABLE messages ADD COLUMN expires_at INTEGER;
CREATE INDEX messages_expiring ON messages (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX messages_unread_timers ON messages (chat_id, seq)
    WHERE lifetime < 0 AND expires_at IS NULL AND deleted_at IS NULL;
