DROP TABLE chat_purges;
DROP TABLE chat_brakes;
DROP TABLE message_reviews;
DROP TABLE word_filters;
DROP TABLE chat_sanctions;
ALTER TABLE former_participants DROP COLUMN spoke_at;
ALTER TABLE participants DROP COLUMN silent_until, DROP COLUMN spoke_at;
ALTER TABLE chats DROP COLUMN slow_seconds, DROP COLUMN filter_version;
