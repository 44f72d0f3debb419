-- What moderators did to somebody may also be that they deleted messages, of which is said how many, or that they took the
-- person out of the chat.
CREATE TABLE chat_sanctions_new (
    id BLOB PRIMARY KEY,
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    by_id BLOB REFERENCES users (id),
    kind TEXT NOT NULL CHECK (kind IN ('mute', 'ban', 'purge', 'rejection', 'deletion', 'removal')),
    reason TEXT NOT NULL,
    since INTEGER NOT NULL,
    -- Without an end, nobody but a person ends it.
    until INTEGER,
    lifted_at INTEGER,
    lifted_by BLOB REFERENCES users (id),
    lift_reason TEXT,
    -- Whether the person is told of it and sees why: not somebody who has nothing to do with the chat.
    told INTEGER NOT NULL,
    message_count INTEGER CHECK (message_count > 0)
) STRICT;
INSERT INTO chat_sanctions_new (id, chat_id, user_id, by_id, kind, reason, since, until, lifted_at, lifted_by, lift_reason, told)
    SELECT id, chat_id, user_id, by_id, kind, reason, since, until, lifted_at, lifted_by, lift_reason, told FROM chat_sanctions;
DROP TABLE chat_sanctions;
ALTER TABLE chat_sanctions_new RENAME TO chat_sanctions;
CREATE UNIQUE INDEX chat_sanctions_now ON chat_sanctions (chat_id, kind, user_id)
    WHERE kind IN ('mute', 'ban') AND lifted_at IS NULL;
CREATE INDEX chat_sanctions_list ON chat_sanctions (chat_id, kind, id) WHERE kind IN ('mute', 'ban') AND lifted_at IS NULL;
CREATE INDEX chat_sanctions_user ON chat_sanctions (user_id, id);
CREATE INDEX chat_sanctions_chat ON chat_sanctions (chat_id);
CREATE INDEX chat_sanctions_by ON chat_sanctions (by_id) WHERE by_id IS NOT NULL;
CREATE INDEX chat_sanctions_lifted_by ON chat_sanctions (lifted_by) WHERE lifted_by IS NOT NULL;
CREATE INDEX chat_sanctions_since ON chat_sanctions (since);
