-- What new chats are like. Those of the server are nobody's.
CREATE TABLE chat_templates (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB REFERENCES users (id) ON DELETE CASCADE,
    type TEXT NOT NULL CHECK (type IN ('group', 'channel')),
    name TEXT NOT NULL,
    title TEXT,
    description TEXT,
    -- JSON: everything but the texts.
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_templates_user ON chat_templates (user_id, id);
