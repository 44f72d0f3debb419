CREATE INDEX participants_later ON participants (chat_id, coalesce(entered_from, visible_from))
    WHERE coalesce(entered_from, visible_from) > 0;
ALTER TABLE journal DROP COLUMN seq;
