-- The journal is cut into segments, one after the other: each is a partition, and is dropped when all of it is old.
-- Within a stream, segments only rise with the positions. So a primary key of a partition by stream and position is one of
-- the whole journal, although no index says so: positions are given out under the lock of the stream's row, which also
-- says in which segment the stream is.
ALTER TABLE streams ADD COLUMN segment INTEGER NOT NULL DEFAULT 0;

-- The partitions there are, and the time that sweeps had measured (as in `journal_marks`) when the streams began to enter
-- each. The last one waits for them.
CREATE TABLE journal_segments (
    segment INTEGER NOT NULL PRIMARY KEY,
    opened BIGINT
);
INSERT INTO journal_segments (segment, opened)
VALUES (0, coalesce((SELECT max(measured) FROM journal_marks), 0)), (1, NULL);

-- The last position of each stream in the segments that it has left.
CREATE TABLE journal_heads (
    stream SMALLINT NOT NULL,
    segment INTEGER NOT NULL,
    head BIGINT NOT NULL,
    PRIMARY KEY (stream, segment)
);

-- What there is becomes the first segment: it is read once, for the check, and neither it nor its indexes are written anew.
ALTER TABLE journal RENAME TO journal_0;
ALTER INDEX journal_pkey RENAME TO journal_0_pkey;
ALTER INDEX journal_topic RENAME TO journal_0_topic;
ALTER INDEX journal_subject RENAME TO journal_0_subject;
ALTER INDEX journal_follower RENAME TO journal_0_follower;
ALTER TABLE journal_0 ADD COLUMN segment INTEGER NOT NULL DEFAULT 0;
ALTER TABLE journal_0 ALTER COLUMN segment DROP DEFAULT;
ALTER TABLE journal_0 ADD CONSTRAINT journal_0_segment CHECK (segment = 0);
CREATE TABLE journal (LIKE journal_0) PARTITION BY LIST (segment);
ALTER TABLE journal ATTACH PARTITION journal_0 FOR VALUES IN (0);
CREATE INDEX journal_topic ON journal (topic_id, stream, position);
CREATE INDEX journal_subject ON journal (subject_id) WHERE subject_id IS NOT NULL;
CREATE INDEX journal_follower ON journal (follower_id, stream, position) WHERE follower_id IS NOT NULL;

CREATE TABLE journal_1 (LIKE journal INCLUDING INDEXES, PRIMARY KEY (stream, position), CHECK (segment = 1));
ALTER TABLE journal ATTACH PARTITION journal_1 FOR VALUES IN (1);

-- Nodes of the version before give no segment. What they insert arrives here, and goes on at once into the partition
-- in which its stream is: they hold the row of that stream. So this partition stays empty.
ALTER TABLE journal ALTER COLUMN segment SET DEFAULT -1;
CREATE TABLE journal_unassigned (LIKE journal INCLUDING INDEXES, PRIMARY KEY (stream, position), CHECK (segment = -1));
CREATE FUNCTION journal_assign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (stream, position, topic_kind, topic_id, name, actor_id, subject_id, follow, follower_id,
        followed_kind, followed_id, at, data, segment)
    SELECT NEW.stream, NEW.position, NEW.topic_kind, NEW.topic_id, NEW.name, NEW.actor_id, NEW.subject_id, NEW.follow,
        NEW.follower_id, NEW.followed_kind, NEW.followed_id, NEW.at, NEW.data, s.segment
    FROM streams s WHERE s.stream = NEW.stream;
    RETURN NULL;
END
$$;
CREATE TRIGGER journal_assign BEFORE INSERT ON journal_unassigned FOR EACH ROW EXECUTE FUNCTION journal_assign();
ALTER TABLE journal ATTACH PARTITION journal_unassigned FOR VALUES IN (-1);

-- A journal without changes has nothing to convert.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM journal) THEN
        INSERT INTO journal_heads (stream, segment, head) SELECT stream, 0, head FROM streams;
        UPDATE streams SET segment = 1;
        UPDATE journal_segments SET opened = (SELECT opened FROM journal_segments WHERE segment = 0) WHERE segment = 1;
        DELETE FROM journal_segments WHERE segment = 0;
        DROP TABLE journal_0;
    END IF;
END
$$;
