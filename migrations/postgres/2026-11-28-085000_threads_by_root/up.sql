-- Without the chat: SQLite prefers the messages of a chat in their order, and would read all of them to find those of a thread.
DROP INDEX messages_thread;
CREATE INDEX messages_thread ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;
