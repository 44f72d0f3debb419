-- The ids of those whom a message that a filter keeps mentions beside its text.
ALTER TABLE message_reviews ADD COLUMN mentions TEXT;
