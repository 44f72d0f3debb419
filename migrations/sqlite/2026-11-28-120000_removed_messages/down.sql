-- The version before knows nothing of it: what was removed is seen again, and what was cleared as well.
UPDATE participants SET visible_from = entered_from WHERE entered_from IS NOT NULL;
DROP INDEX participants_later;
CREATE INDEX participants_later ON participants (chat_id, visible_from) WHERE visible_from > 0;
ALTER TABLE former_participants DROP COLUMN cleared_seq;
ALTER TABLE participants DROP COLUMN removed_count;
ALTER TABLE participants DROP COLUMN cleared_seq;
ALTER TABLE participants DROP COLUMN entered_from;
DROP TABLE removed_messages;
