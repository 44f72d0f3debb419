-- Files with what somebody sees of a chat. They do not refer to the chat, so that it can be deleted whatever is in them.
CREATE TABLE chat_exports (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    chat_id BLOB NOT NULL,
    -- When its owner joined the chat: with this membership the export ends.
    member_since INTEGER NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('json', 'html')),
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'ready', 'failed', 'expired')),
    problem TEXT,
    -- The messages after the first number and up to the last are written, and those up to `seq` have been.
    from_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    pieces INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    -- In octets, as it is downloaded.
    size INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_exports_user ON chat_exports (user_id, created_at);
CREATE INDEX chat_exports_created ON chat_exports (created_at);

-- The pieces, compressed, and then encrypted with the key of their owner.
CREATE TABLE chat_export_pieces (
    id BLOB NOT NULL PRIMARY KEY,
    export_id BLOB NOT NULL REFERENCES chat_exports (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (export_id, number)
) STRICT;
