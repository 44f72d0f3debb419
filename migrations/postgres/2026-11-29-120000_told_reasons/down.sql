DELETE FROM chat_sanctions WHERE kind IN ('deletion', 'removal');
ALTER TABLE chat_sanctions
    DROP COLUMN message_count,
    DROP CONSTRAINT chat_sanctions_kind_check,
    ADD CONSTRAINT chat_sanctions_kind_check CHECK (kind IN ('mute', 'ban', 'purge', 'rejection'));
