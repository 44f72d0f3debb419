ALTER TABLE chats DROP COLUMN closed;
DROP TABLE user_notes;
DROP TABLE mutes;
DROP TABLE blocks;
