ALTER TABLE chat_attempts RENAME TO chat_attempts_before;
CREATE TABLE chat_attempts (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('request', 'invitation')),
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    -- Who would be in it.
    user_id BLOB NOT NULL REFERENCES users (id),
    -- Who asked, invited or brought them in; nobody if it is not known any more.
    by_id BLOB REFERENCES users (id),
    made_at INTEGER NOT NULL,
    refused_at INTEGER
) STRICT;
INSERT INTO chat_attempts SELECT id, kind, chat_id, user_id, by_id, made_at, refused_at FROM chat_attempts_before
    WHERE kind <> 'addition' AND chat_id IN (SELECT id FROM chats);
DROP TABLE chat_attempts_before;
CREATE INDEX chat_attempts_chat ON chat_attempts (chat_id, user_id);
CREATE INDEX chat_attempts_user ON chat_attempts (user_id);
CREATE INDEX chat_attempts_by ON chat_attempts (by_id, made_at);
CREATE INDEX chat_attempts_made ON chat_attempts (made_at);

ALTER TABLE group_attempts RENAME TO group_attempts_before;
CREATE TABLE group_attempts (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('request', 'invitation')),
    group_id BLOB NOT NULL REFERENCES groups (id),
    -- Who would be in it.
    user_id BLOB NOT NULL REFERENCES users (id),
    -- Who asked, invited or brought them in; nobody if it is not known any more.
    by_id BLOB REFERENCES users (id),
    made_at INTEGER NOT NULL,
    refused_at INTEGER
) STRICT;
INSERT INTO group_attempts SELECT id, kind, group_id, user_id, by_id, made_at, refused_at FROM group_attempts_before
    WHERE group_id IN (SELECT id FROM groups);
DROP TABLE group_attempts_before;
CREATE INDEX group_attempts_group ON group_attempts (group_id, user_id);
CREATE INDEX group_attempts_user ON group_attempts (user_id);
CREATE INDEX group_attempts_by ON group_attempts (by_id, made_at);
CREATE INDEX group_attempts_made ON group_attempts (made_at);
