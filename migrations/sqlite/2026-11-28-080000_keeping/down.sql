DROP TABLE saved_messages;
DROP TABLE message_pins;
ALTER TABLE messages DROP COLUMN pinned;
