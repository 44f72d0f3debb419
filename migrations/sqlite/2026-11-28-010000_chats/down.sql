-- What this version alone knows goes: chats and people that the version before could not read.
DROP TABLE chat_deletions;
DROP TABLE chat_attempts;
DROP TABLE chat_links;
DROP TABLE chat_guests;
DROP INDEX messages_system;
UPDATE messages SET type = 'text' WHERE type = 'system';
ALTER TABLE messages DROP COLUMN data;
DROP TABLE chat_notes;
DROP INDEX participants_staff;
DROP INDEX participants_later;
ALTER TABLE participants DROP COLUMN visible_from;
ALTER TABLE participants DROP COLUMN archived;
ALTER TABLE participants DROP COLUMN pinned;
ALTER TABLE participants DROP COLUMN muted_until;
ALTER TABLE participants DROP COLUMN notify;
UPDATE participants SET role = 'member' WHERE role = 'subscriber';
DROP TABLE chat_words;
DROP INDEX chats_directory_type;
DROP INDEX chats_directory;
ALTER TABLE chats DROP COLUMN visibility;
ALTER TABLE chats DROP COLUMN history;
ALTER TABLE chats DROP COLUMN rights;
ALTER TABLE chats DROP COLUMN group_id;
ALTER TABLE chats DROP COLUMN system_count;
ALTER TABLE chats DROP COLUMN deleted_at;
UPDATE chats SET type = 'group' WHERE type = 'channel';
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (type IN (''private'', ''group'', ''channel''))',
    'CHECK (type IN (''private'', ''group''))') WHERE type = 'table' AND name = 'chats';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (role IN (''owner'', ''admin'', ''member'', ''subscriber''))',
    'CHECK (role IN (''owner'', ''admin'', ''member''))') WHERE type = 'table' AND name = 'participants';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (type IN (''text'', ''system''))', 'CHECK (type IN (''text''))')
    WHERE type = 'table' AND name = 'messages';
PRAGMA writable_schema = RESET;
