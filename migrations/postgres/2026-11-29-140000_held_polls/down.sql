ALTER TABLE message_reviews DROP COLUMN poll;
