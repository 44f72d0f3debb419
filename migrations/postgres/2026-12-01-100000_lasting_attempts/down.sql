DELETE FROM chat_attempts WHERE kind = 'addition' OR chat_id NOT IN (SELECT id FROM chats);
DELETE FROM group_attempts WHERE group_id NOT IN (SELECT id FROM groups);
ALTER TABLE chat_attempts
    DROP CONSTRAINT chat_attempts_kind_check,
    ADD CONSTRAINT chat_attempts_kind_check CHECK (kind IN ('request', 'invitation')),
    ADD CONSTRAINT chat_attempts_chat_id_fkey FOREIGN KEY (chat_id) REFERENCES chats (id) ON DELETE CASCADE;
ALTER TABLE group_attempts
    ADD CONSTRAINT group_attempts_group_id_fkey FOREIGN KEY (group_id) REFERENCES groups (id);
