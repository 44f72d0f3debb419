-- Files that become chats. The chat is not visible before it is whole; it is not referenced, so that it can be deleted.
CREATE TABLE chat_imports (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    status TEXT NOT NULL CHECK (status IN ('uploading', 'queued', 'running', 'done', 'failed')),
    problem TEXT,
    -- How the authors of messages are found.
    authors TEXT NOT NULL CHECK (authors IN ('username', 'name')),
    -- A keyed hash of what has arrived.
    digest BLOB NOT NULL,
    pieces INTEGER NOT NULL,
    size INTEGER NOT NULL,
    chat_id BLOB,
    -- Whether the file has been checked; then how many items it has, and how many are done.
    checked INTEGER NOT NULL,
    items INTEGER NOT NULL,
    done INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_imports_user ON chat_imports (user_id, status);
CREATE INDEX chat_imports_created ON chat_imports (created_at);

-- The pieces, compressed, and then encrypted with the key of whoever imports them.
CREATE TABLE chat_import_pieces (
    id BLOB NOT NULL PRIMARY KEY,
    import_id BLOB NOT NULL REFERENCES chat_imports (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (import_id, number)
) STRICT;

-- What was not taken, and why.
CREATE TABLE chat_import_refusals (
    import_id BLOB NOT NULL REFERENCES chat_imports (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    pointer TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (import_id, number)
) STRICT, WITHOUT ROWID;

-- Who an author of the file is here. A name without an account is a tombstone with a name, which goes with the chat.
CREATE TABLE chat_import_authors (
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    username TEXT NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    has_account INTEGER NOT NULL,
    PRIMARY KEY (chat_id, username)
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_import_authors_user ON chat_import_authors (user_id);
