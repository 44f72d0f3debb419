DROP TABLE chat_purges;
DROP TABLE chat_brakes;
DROP TABLE message_reviews;
DROP TABLE word_filters;
DROP TABLE chat_sanctions;
ALTER TABLE participants DROP COLUMN silent_until;
ALTER TABLE participants DROP COLUMN spoke_at;
ALTER TABLE chats DROP COLUMN slow_seconds;
ALTER TABLE chats DROP COLUMN filter_version;
