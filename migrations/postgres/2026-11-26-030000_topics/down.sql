DROP INDEX journal_follower;
DROP INDEX journal_topic;
ALTER TABLE journal ADD COLUMN topic TEXT;
UPDATE journal SET topic = topic_kind || ':' || topic_id;
ALTER TABLE journal
    ALTER COLUMN topic SET NOT NULL,
    DROP COLUMN followed_id,
    DROP COLUMN followed_kind,
    DROP COLUMN follower_id,
    DROP COLUMN follow,
    DROP COLUMN topic_id,
    DROP COLUMN topic_kind;
CREATE INDEX journal_topic ON journal (topic, stream, position);
