-- One table again: what is in it is written anew.
CREATE TABLE journal_whole (LIKE journal);
ALTER TABLE journal_whole DROP COLUMN segment;
INSERT INTO journal_whole (stream, position, topic_kind, topic_id, name, actor_id, subject_id, follow, follower_id,
    followed_kind, followed_id, at, data)
SELECT stream, position, topic_kind, topic_id, name, actor_id, subject_id, follow, follower_id,
    followed_kind, followed_id, at, data
FROM journal;
DROP TABLE journal;
DROP FUNCTION journal_assign;
ALTER TABLE journal_whole RENAME TO journal;
ALTER TABLE journal ADD CONSTRAINT journal_pkey PRIMARY KEY (stream, position);
CREATE INDEX journal_topic ON journal (topic_id, stream, position);
CREATE INDEX journal_subject ON journal (subject_id) WHERE subject_id IS NOT NULL;
CREATE INDEX journal_follower ON journal (follower_id, stream, position) WHERE follower_id IS NOT NULL;
DROP TABLE journal_heads;
DROP TABLE journal_segments;
ALTER TABLE streams DROP COLUMN segment;
