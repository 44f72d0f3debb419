-- What this version alone knows goes: chats and people that the version before could not read.
DROP TABLE chat_deletions;
DROP TABLE chat_attempts;
DROP TABLE chat_links;
DROP TABLE chat_guests;
DROP INDEX messages_system;
UPDATE messages SET type = 'text' WHERE type = 'system';
ALTER TABLE messages DROP COLUMN data;
ALTER TABLE messages DROP CONSTRAINT messages_type_check;
ALTER TABLE messages ADD CONSTRAINT messages_type_check CHECK (type IN ('text'));
DROP TABLE chat_notes;
DROP INDEX participants_staff;
DROP INDEX participants_later;
ALTER TABLE participants DROP COLUMN visible_from, DROP COLUMN archived, DROP COLUMN pinned, DROP COLUMN muted_until,
    DROP COLUMN notify;
UPDATE participants SET role = 'member' WHERE role = 'subscriber';
ALTER TABLE participants DROP CONSTRAINT participants_role_check;
ALTER TABLE participants ADD CONSTRAINT participants_role_check CHECK (role IN ('owner', 'admin', 'member'));
DROP TABLE chat_words;
DROP INDEX chats_directory_type;
DROP INDEX chats_directory;
ALTER TABLE chats DROP COLUMN visibility, DROP COLUMN history, DROP COLUMN rights, DROP COLUMN group_id,
    DROP COLUMN system_count, DROP COLUMN deleted_at;
UPDATE chats SET type = 'group' WHERE type = 'channel';
ALTER TABLE chats DROP CONSTRAINT chats_type_check;
ALTER TABLE chats ADD CONSTRAINT chats_type_check CHECK (type IN ('private', 'group'));
