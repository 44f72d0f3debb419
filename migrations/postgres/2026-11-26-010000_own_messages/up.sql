-- How many messages of a stretch are somebody's own, which a moving read mark asks.
CREATE INDEX messages_sender ON messages (chat_id, sender_id, seq);
