-- What a message names that waits for approval, as in messages.
ALTER TABLE message_reviews ADD COLUMN reply_id UUID;
ALTER TABLE message_reviews ADD COLUMN thread_id UUID;
ALTER TABLE message_reviews ADD COLUMN forwarded_id UUID;
