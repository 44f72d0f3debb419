-- Whether the chat that a message was forwarded from was public then: otherwise only those who are in that chat learn of it,
-- whatever becomes of it later.
ALTER TABLE messages ADD COLUMN forwarded_public INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message_reviews ADD COLUMN forwarded_public INTEGER NOT NULL DEFAULT 0;
