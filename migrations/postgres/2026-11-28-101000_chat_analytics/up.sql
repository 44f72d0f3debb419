-- What a reader of the journal has counted in a chat on a day, in UTC. Counts are JSON, of numbers alone.
CREATE TABLE chat_days (
    chat_id UUID NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    -- The first and the last message of that day that it has seen.
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    counts TEXT NOT NULL,
    reactions TEXT NOT NULL,
    PRIMARY KEY (chat_id, day)
);

-- Who has written in a chat on a day, and in which quarters of an hour first and last.
CREATE TABLE chat_day_people (
    chat_id UUID NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    first_quarter INTEGER NOT NULL,
    last_quarter INTEGER NOT NULL,
    PRIMARY KEY (chat_id, day, user_id)
);
CREATE INDEX chat_day_people_user ON chat_day_people (user_id);
