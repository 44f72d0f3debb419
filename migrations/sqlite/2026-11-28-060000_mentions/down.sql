DROP TABLE message_mentions_all;
DROP TABLE message_mentions;
