-- Files with what somebody sees of a chat. They do not refer to the chat, so that it can be deleted whatever is in them.
CREATE TABLE chat_exports (
    id UUID NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    chat_id UUID NOT NULL,
    -- When its owner joined the chat: with this membership the export ends.
    member_since TIMESTAMPTZ NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('json', 'html')),
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'ready', 'failed', 'expired')),
    problem TEXT,
    -- The messages after the first number and up to the last are written, and those up to `seq` have been.
    from_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    pieces INTEGER NOT NULL,
    messages BIGINT NOT NULL,
    -- In octets, as it is downloaded.
    size BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ
);
CREATE INDEX chat_exports_user ON chat_exports (user_id, created_at);
CREATE INDEX chat_exports_created ON chat_exports (created_at);

-- The pieces, compressed, and then encrypted with the key of their owner.
CREATE TABLE chat_export_pieces (
    id UUID NOT NULL PRIMARY KEY,
    export_id UUID NOT NULL REFERENCES chat_exports (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    data BYTEA NOT NULL,
    UNIQUE (export_id, number)
);
