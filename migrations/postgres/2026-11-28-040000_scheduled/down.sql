-- Messages that were to disappear stay.
DROP INDEX messages_unread_timers;
DROP INDEX messages_expiring;
ALTER TABLE messages DROP COLUMN lifetime, DROP COLUMN expires_at;
DROP INDEX chats_timers_due;
ALTER TABLE chats DROP COLUMN lifetime, DROP COLUMN timers_due;
DROP TABLE scheduled_messages;
