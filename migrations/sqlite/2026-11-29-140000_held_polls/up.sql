-- What a poll that a filter keeps asks beside its question, as it is stored with messages.
ALTER TABLE message_reviews ADD COLUMN poll TEXT;
