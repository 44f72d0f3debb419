-- How many authors with an account here are not in the chat, because it or they had no room.
ALTER TABLE chat_imports ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;
