-- What messages are found by: tokens, cut by the server and separated by spaces. Whose the row is, is in its number: that of
-- the chat, times 2^32, and that of the message in its chat. Nothing of a deleted row stays in the index.
CREATE VIRTUAL TABLE message_search USING fts5 (tokens, tokenize = 'ascii', columnsize = 0);
INSERT INTO message_search (message_search, rank) VALUES ('secure-delete', 1);

-- Under which number the messages of a chat are indexed.
CREATE TABLE search_chats (
    number INTEGER NOT NULL PRIMARY KEY,
    chat_id BLOB NOT NULL UNIQUE REFERENCES chats (id) ON DELETE CASCADE
) STRICT;

-- By which rules the index was made, and how far it is while it is rebuilt: up to the message `seq` of the chat `chat_id`.
CREATE TABLE search_index (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    rules INTEGER NOT NULL,
    running INTEGER NOT NULL CHECK (running IN (0, 1)),
    chat_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER NOT NULL
) STRICT;
INSERT INTO search_index (id, rules, running, chat_id, seq, done, total)
VALUES (1, 0, 0, x'00000000000000000000000000000000', 0, 0, 0);
