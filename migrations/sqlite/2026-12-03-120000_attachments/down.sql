DROP TABLE loose_files;
DROP TABLE review_attachments;
DROP TABLE scheduled_attachments;
ALTER TABLE messages DROP COLUMN attached;
DROP TABLE message_attachments;
-- The version before does not know these types: what such messages say stays, without the files.
UPDATE messages SET type = 'text' WHERE type IN ('image', 'video', 'voice', 'file');
-- Only what the column may contain changes, and no row, so the table is not copied.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
    'CHECK (type IN (''text'', ''system'', ''poll'', ''image'', ''video'', ''voice'', ''file''))',
    'CHECK (type IN (''text'', ''system'', ''poll''))')
    WHERE type = 'table' AND name = 'messages';
PRAGMA writable_schema = RESET;
