ALTER TABLE message_reviews DROP COLUMN forwarded_public;
ALTER TABLE messages DROP COLUMN forwarded_public;
