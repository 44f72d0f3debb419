-- What messages are found by: tokens, cut by the server. Without any, the message must not be indexed any more: whoever
-- indexes at the same moment has read it before.
CREATE TABLE message_search (
    chat_id uuid NOT NULL,
    seq bigint NOT NULL,
    version bigint NOT NULL,
    tokens tsvector,
    PRIMARY KEY (chat_id, seq)
);
-- Searches look into it many times, and would read a list of pending entries each time.
CREATE INDEX message_search_tokens ON message_search USING gin (tokens) WITH (fastupdate = off);

-- Under which number the messages of a chat are indexed.
CREATE TABLE search_chats (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chat_id uuid NOT NULL UNIQUE REFERENCES chats (id) ON DELETE CASCADE
);

-- By which rules the index was made, and how far it is while it is rebuilt: up to the message `seq` of the chat `chat_id`.
CREATE TABLE search_index (
    id bigint PRIMARY KEY CHECK (id = 1),
    rules bigint NOT NULL,
    running boolean NOT NULL,
    chat_id uuid NOT NULL,
    seq bigint NOT NULL,
    done bigint NOT NULL,
    total bigint NOT NULL
);
INSERT INTO search_index (id, rules, running, chat_id, seq, done, total)
VALUES (1, 0, false, '00000000-0000-0000-0000-000000000000', 0, 0, 0);
