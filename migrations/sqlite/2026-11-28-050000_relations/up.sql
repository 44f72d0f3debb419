-- The message that a message replies to, in the same chat.
ALTER TABLE messages ADD COLUMN reply_id BLOB;
ALTER TABLE messages ADD COLUMN reply_seq INTEGER;
-- The message with which the thread begins that it is in.
ALTER TABLE messages ADD COLUMN thread_id BLOB;
-- The message that it was forwarded from, which may be gone.
ALTER TABLE messages ADD COLUMN forwarded_id BLOB;
-- Of a message with which a thread begins: how many messages are in that, without deleted ones, and when the last was sent.
ALTER TABLE messages ADD COLUMN replies INTEGER;
ALTER TABLE messages ADD COLUMN last_reply_at INTEGER;
CREATE INDEX messages_thread ON messages (chat_id, thread_id, seq) WHERE thread_id IS NOT NULL;

-- Who follows a thread, or has followed it, and how far they have read it.
CREATE TABLE thread_marks (
    user_id BLOB NOT NULL REFERENCES users (id),
    chat_id BLOB NOT NULL,
    -- The message with which the thread begins.
    message_id BLOB NOT NULL,
    following INTEGER NOT NULL CHECK (following IN (0, 1)),
    read_seq INTEGER NOT NULL,
    PRIMARY KEY (user_id, chat_id, message_id)
) STRICT, WITHOUT ROWID;
-- For chats that are deleted.
CREATE INDEX thread_marks_chat ON thread_marks (chat_id, user_id);
