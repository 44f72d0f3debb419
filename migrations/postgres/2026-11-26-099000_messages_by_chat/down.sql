CREATE TABLE message_edits_by_id (
    message_id UUID NOT NULL,
    version BIGINT NOT NULL,
    content TEXT NOT NULL,
    written_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (message_id, version)
);
INSERT INTO message_edits_by_id (message_id, version, content, written_at)
SELECT m.id, e.version, e.content, e.written_at
FROM message_edits e JOIN messages m ON m.chat_id = e.chat_id AND m.seq = e.seq;
DROP TABLE message_edits;
ALTER TABLE message_edits_by_id RENAME TO message_edits;
DROP INDEX messages_id;
ALTER TABLE messages DROP CONSTRAINT messages_pkey;
ALTER TABLE messages ADD UNIQUE (chat_id, seq);
ALTER TABLE messages ADD UNIQUE (id);
ALTER TABLE messages ADD COLUMN fingerprint BYTEA;
UPDATE messages m SET fingerprint = c.fingerprint
FROM message_client_ids c WHERE c.sender_id = m.sender_id AND c.client_id = m.client_id;
DROP TABLE message_client_ids;
CREATE UNIQUE INDEX messages_client ON messages (sender_id, client_id) WHERE client_id IS NOT NULL;
ALTER TABLE message_edits ADD FOREIGN KEY (message_id) REFERENCES messages (id) ON DELETE CASCADE;
