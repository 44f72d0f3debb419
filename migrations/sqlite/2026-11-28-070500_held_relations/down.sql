ALTER TABLE message_reviews DROP COLUMN forwarded_id;
ALTER TABLE message_reviews DROP COLUMN thread_id;
ALTER TABLE message_reviews DROP COLUMN reply_id;
