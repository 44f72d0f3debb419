-- Messages that are sent later. Only their authors see them: what they say is encrypted.
CREATE TABLE scheduled_messages (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    -- It may be gone when the message is to be sent, and then the author is told.
    chat_id uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('waiting', 'sent', 'refused', 'cancelled')),
    send_at timestamptz NOT NULL,
    plan bytea NOT NULL,
    -- A keyed hash of the author's own id for it, and one of what it is for.
    client_key bytea,
    fingerprint bytea NOT NULL,
    message_id uuid,
    problem text,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    version bigint NOT NULL,
    UNIQUE (user_id, client_key)
);
CREATE INDEX scheduled_messages_due ON scheduled_messages (send_at, id) WHERE status = 'waiting';
CREATE INDEX scheduled_messages_own ON scheduled_messages (user_id, status, send_at, id);
CREATE INDEX scheduled_messages_finished ON scheduled_messages (finished_at) WHERE finished_at IS NOT NULL;

-- How long messages stay, in seconds; negative if that counts from when all others have read them.
ALTER TABLE chats
    ADD COLUMN lifetime bigint,
    -- Somebody has read on, and the time of messages may begin.
    ADD COLUMN timers_due boolean NOT NULL DEFAULT false;
CREATE INDEX chats_timers_due ON chats (id) WHERE timers_due;
ALTER TABLE messages ADD COLUMN lifetime bigint, ADD COLUMN expires_at timestamptz;
CREATE INDEX messages_expiring ON messages (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX messages_unread_timers ON messages (chat_id, seq)
    WHERE lifetime < 0 AND expires_at IS NULL AND deleted_at IS NULL;
