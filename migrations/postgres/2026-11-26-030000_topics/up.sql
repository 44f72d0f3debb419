-- A topic is a kind and an id. Kinds are open: a node keeps and passes on topics of kinds that it does not know.
-- A change that makes somebody follow a topic, or stop following it, says so itself.
ALTER TABLE journal
    ADD COLUMN topic_kind TEXT,
    ADD COLUMN topic_id UUID,
    ADD COLUMN follow TEXT,
    ADD COLUMN follower_id UUID,
    ADD COLUMN followed_kind TEXT,
    ADD COLUMN followed_id UUID;
-- What is no topic keeps its place, for positions have no gaps, and concerns nobody.
UPDATE journal SET
    topic_kind = CASE WHEN topic ~ '^[a-z_]{1,24}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        THEN split_part(topic, ':', 1) ELSE 'unknown' END,
    topic_id = CASE WHEN topic ~ '^[a-z_]{1,24}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        THEN split_part(topic, ':', 2)::uuid ELSE '00000000-0000-0000-0000-000000000000' END;
-- Until now only `chat.created` made somebody follow anything.
UPDATE journal SET follow = 'enter', follower_id = topic_id, followed_kind = 'chat', followed_id = subject_id
WHERE name = 'chat.created' AND topic_kind = 'user' AND subject_id IS NOT NULL;
DROP INDEX journal_topic;
ALTER TABLE journal
    DROP COLUMN topic,
    ALTER COLUMN topic_kind SET NOT NULL,
    ALTER COLUMN topic_id SET NOT NULL;
-- An id belongs to one kind only, so the kind need not stand in the index.
CREATE INDEX journal_topic ON journal (topic_id, stream, position);
CREATE INDEX journal_follower ON journal (follower_id, stream, position) WHERE follower_id IS NOT NULL;
