-- What moderators did to somebody may also be that they deleted messages, of which is said how many, or that they took the
-- person out of the chat.
ALTER TABLE chat_sanctions
    DROP CONSTRAINT chat_sanctions_kind_check,
    ADD CONSTRAINT chat_sanctions_kind_check
        CHECK (kind IN ('mute', 'ban', 'purge', 'rejection', 'deletion', 'removal')),
    ADD COLUMN message_count bigint CHECK (message_count > 0);
