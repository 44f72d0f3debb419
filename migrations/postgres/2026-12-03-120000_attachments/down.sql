DROP TABLE loose_files;
DROP TABLE review_attachments;
DROP TABLE scheduled_attachments;
ALTER TABLE messages DROP COLUMN attached;
DROP TABLE message_attachments;
-- The version before does not know these types: what such messages say stays, without the files.
UPDATE messages SET type = 'text' WHERE type IN ('image', 'video', 'voice', 'file');
ALTER TABLE messages DROP CONSTRAINT messages_type_check;
ALTER TABLE messages ADD CONSTRAINT messages_type_check CHECK (type IN ('text', 'system', 'poll'));
