DROP TABLE message_poll_votes;
DROP TABLE message_polls;
-- The version before does not know polls: what they ask stays, without the options.
UPDATE messages SET type = 'text', data = NULL WHERE type = 'poll';
-- Only what the column may contain changes, and no row, so the table is not copied.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (type IN (''text'', ''system'', ''poll''))', 'CHECK (type IN (''text'', ''system''))')
    WHERE type = 'table' AND name = 'messages';
PRAGMA writable_schema = RESET;
