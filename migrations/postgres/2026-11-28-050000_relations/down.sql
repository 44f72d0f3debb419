DROP TABLE thread_marks;
DROP INDEX messages_thread;
ALTER TABLE messages DROP COLUMN last_reply_at;
ALTER TABLE messages DROP COLUMN replies;
ALTER TABLE messages DROP COLUMN forwarded_id;
ALTER TABLE messages DROP COLUMN thread_id;
ALTER TABLE messages DROP COLUMN reply_seq;
ALTER TABLE messages DROP COLUMN reply_id;
