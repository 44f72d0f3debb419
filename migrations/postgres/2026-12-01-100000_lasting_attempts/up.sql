-- That somebody asked, was invited or was brought in counts for its time, whether or not the place is still there: otherwise
-- whoever deletes it could begin anew at once.
ALTER TABLE chat_attempts
    DROP CONSTRAINT chat_attempts_chat_id_fkey,
    DROP CONSTRAINT chat_attempts_kind_check,
    ADD CONSTRAINT chat_attempts_kind_check CHECK (kind IN ('request', 'invitation', 'addition'));
ALTER TABLE group_attempts DROP CONSTRAINT group_attempts_group_id_fkey;
