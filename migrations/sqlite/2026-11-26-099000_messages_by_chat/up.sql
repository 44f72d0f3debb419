-- Messages lie in the order of their chats: a page is read in one place, and one's own messages are counted there too.
-- Nothing about messages is unique but within a chat; client ids are kept in a table of their own.
CREATE TABLE message_client_ids (
    sender_id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    message_id BLOB NOT NULL,
    -- Of what was first sent.
    fingerprint BLOB NOT NULL,
    PRIMARY KEY (sender_id, client_id)
) STRICT, WITHOUT ROWID;
INSERT INTO message_client_ids (sender_id, client_id, message_id, fingerprint)
SELECT sender_id, client_id, id, fingerprint FROM messages WHERE client_id IS NOT NULL ORDER BY sender_id, client_id;

CREATE TABLE messages_by_chat (
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('text')),
    sender_id BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    edited_at INTEGER,
    deleted_at INTEGER,
    deleted_by BLOB,
    version INTEGER NOT NULL,
    client_id TEXT,
    -- Last, so that the rest is read without the pages that a long text takes.
    content TEXT,
    PRIMARY KEY (chat_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO messages_by_chat
    (chat_id, seq, id, type, sender_id, created_at, edited_at, deleted_at, deleted_by, version, client_id, content)
SELECT chat_id, seq, id, type, sender_id, created_at, edited_at, deleted_at, deleted_by, version, client_id, content
FROM messages ORDER BY chat_id, seq;

CREATE TABLE message_edits_by_chat (
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    version INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (chat_id, seq, version),
    -- The table is renamed below, and this with it: a reference to `messages` would empty the edits when that is dropped.
    FOREIGN KEY (chat_id, seq) REFERENCES messages_by_chat (chat_id, seq) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO message_edits_by_chat (chat_id, seq, version, written_at, content)
SELECT m.chat_id, m.seq, e.version, e.written_at, e.content FROM message_edits e JOIN messages m ON m.id = e.message_id;

DROP TABLE message_edits;
DROP TABLE messages;
ALTER TABLE messages_by_chat RENAME TO messages;
ALTER TABLE message_edits_by_chat RENAME TO message_edits;
CREATE INDEX messages_id ON messages (id);
-- The few that a count of unread messages must leave out.
CREATE INDEX messages_deleted ON messages (chat_id, seq) WHERE deleted_at IS NOT NULL;
