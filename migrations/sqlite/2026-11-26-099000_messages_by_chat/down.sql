CREATE TABLE messages_by_id (
    id BLOB NOT NULL UNIQUE,
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('text')),
    sender_id BLOB NOT NULL REFERENCES users (id),
    content TEXT,
    client_id TEXT,
    fingerprint BLOB,
    created_at INTEGER NOT NULL,
    edited_at INTEGER,
    deleted_at INTEGER,
    deleted_by BLOB,
    version INTEGER NOT NULL,
    UNIQUE (chat_id, seq)
) STRICT;
INSERT INTO messages_by_id (id, chat_id, seq, type, sender_id, content, client_id, fingerprint, created_at, edited_at,
    deleted_at, deleted_by, version)
SELECT m.id, m.chat_id, m.seq, m.type, m.sender_id, m.content, m.client_id, c.fingerprint, m.created_at, m.edited_at,
    m.deleted_at, m.deleted_by, m.version
FROM messages m LEFT JOIN message_client_ids c ON c.sender_id = m.sender_id AND c.client_id = m.client_id;
CREATE TABLE message_edits_by_id (
    message_id BLOB NOT NULL REFERENCES messages_by_id (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    content TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    PRIMARY KEY (message_id, version)
) STRICT, WITHOUT ROWID;
INSERT INTO message_edits_by_id (message_id, version, content, written_at)
SELECT m.id, e.version, e.content, e.written_at
FROM message_edits e JOIN messages m ON m.chat_id = e.chat_id AND m.seq = e.seq;
DROP TABLE message_edits;
DROP TABLE messages;
DROP TABLE message_client_ids;
ALTER TABLE messages_by_id RENAME TO messages;
ALTER TABLE message_edits_by_id RENAME TO message_edits;
CREATE UNIQUE INDEX messages_client ON messages (sender_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX messages_deleted ON messages (chat_id, seq) WHERE deleted_at IS NOT NULL;
CREATE INDEX messages_sender ON messages (chat_id, sender_id, seq);
