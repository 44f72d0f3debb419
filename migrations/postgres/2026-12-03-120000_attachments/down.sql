DROP TABLE loose_files;
DROP TABLE review_attachments;
DROP TABLE scheduled_attachments;
ALTER TABLE messages DROP COLUMN attached;
DROP TABLE message_attachments;
