DROP INDEX chat_exports_running;
ALTER TABLE chat_exports DROP COLUMN restarts;
DROP INDEX saved_messages_chat;
