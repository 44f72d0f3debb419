-- The files of messages, in their order. Name, type and size are those of the file, and NULL once that is deleted.
CREATE TABLE message_attachments (
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    place INTEGER NOT NULL,
    -- The file may be gone.
    file_id BLOB NOT NULL,
    name TEXT,
    type TEXT,
    size INTEGER,
    PRIMARY KEY (chat_id, seq, place),
    FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq)
) STRICT, WITHOUT ROWID;
-- Who sees a file, and whether it is attached to anything.
CREATE INDEX message_attachments_file ON message_attachments (file_id, chat_id, seq);

-- Of what type messages with files are. Only what the column may contain changes, and no row, so the table is not copied.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (type IN (''text'', ''system'', ''poll''))',
    'CHECK (type IN (''text'', ''system'', ''poll'', ''image'', ''video'', ''voice'', ''file''))')
    WHERE type = 'table' AND name = 'messages';
PRAGMA writable_schema = RESET;
-- How many files a message has.
ALTER TABLE messages ADD COLUMN attached INTEGER NOT NULL DEFAULT 0;

-- The files of messages that wait: those that are sent later, and those that a filter keeps back.
CREATE TABLE scheduled_attachments (
    scheduled_id BLOB NOT NULL REFERENCES scheduled_messages (id) ON DELETE CASCADE,
    file_id BLOB NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    PRIMARY KEY (scheduled_id, file_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX scheduled_attachments_file ON scheduled_attachments (file_id);
CREATE TABLE review_attachments (
    review_id BLOB NOT NULL REFERENCES message_reviews (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    file_id BLOB NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    PRIMARY KEY (review_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX review_attachments_file ON review_attachments (file_id);

-- Files that may be attached to nothing, and when to look.
CREATE TABLE loose_files (
    file_id BLOB NOT NULL PRIMARY KEY,
    due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX loose_files_due ON loose_files (due_at);
-- Nothing could be attached before: people get some days for it.
INSERT INTO loose_files (file_id, due_at) SELECT id, created_at + 7 * 86400000000 FROM files;
