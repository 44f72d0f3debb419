-- Whether the chat that a message was forwarded from was public then: otherwise only those who are in that chat learn of it,
-- whatever becomes of it later.
ALTER TABLE messages ADD COLUMN forwarded_public BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE message_reviews ADD COLUMN forwarded_public BOOLEAN NOT NULL DEFAULT FALSE;
