-- Nothing about messages is unique but within a chat, so that they can be partitioned by chat; client ids are kept in a
-- table of their own.
CREATE TABLE message_client_ids (
    sender_id UUID NOT NULL,
    client_id TEXT NOT NULL,
    message_id UUID NOT NULL,
    -- Of what was first sent.
    fingerprint BYTEA NOT NULL,
    PRIMARY KEY (sender_id, client_id)
);
INSERT INTO message_client_ids (sender_id, client_id, message_id, fingerprint)
SELECT sender_id, client_id, id, fingerprint FROM messages WHERE client_id IS NOT NULL;

CREATE TABLE message_edits_by_chat (
    chat_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    version BIGINT NOT NULL,
    written_at TIMESTAMPTZ NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (chat_id, seq, version)
);
INSERT INTO message_edits_by_chat (chat_id, seq, version, written_at, content)
SELECT m.chat_id, m.seq, e.version, e.written_at, e.content FROM message_edits e JOIN messages m ON m.id = e.message_id;
DROP TABLE message_edits;
ALTER TABLE message_edits_by_chat RENAME TO message_edits;

DROP INDEX messages_client;
ALTER TABLE messages DROP COLUMN fingerprint;
ALTER TABLE messages DROP CONSTRAINT messages_id_key;
ALTER TABLE messages DROP CONSTRAINT messages_chat_id_seq_key;
ALTER TABLE messages ADD PRIMARY KEY (chat_id, seq);
CREATE INDEX messages_id ON messages (id);
ALTER TABLE message_edits
    ADD FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq) ON DELETE CASCADE;
