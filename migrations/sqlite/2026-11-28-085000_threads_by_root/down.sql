DROP INDEX messages_thread;
CREATE INDEX messages_thread ON messages (chat_id, thread_id, seq) WHERE thread_id IS NOT NULL;
