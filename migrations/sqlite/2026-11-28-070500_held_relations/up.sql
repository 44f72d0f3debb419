-- What a message names that waits for approval, as in messages.
ALTER TABLE message_reviews ADD COLUMN reply_id BLOB;
ALTER TABLE message_reviews ADD COLUMN thread_id BLOB;
ALTER TABLE message_reviews ADD COLUMN forwarded_id BLOB;
