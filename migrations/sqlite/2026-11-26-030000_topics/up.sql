-- A topic is a kind and an id. Kinds are open: a node keeps and passes on topics of kinds that it does not know.
-- A change that makes somebody follow a topic, or stop following it, says so itself.
CREATE TABLE journal_anew (
    stream INTEGER NOT NULL,
    position INTEGER NOT NULL,
    topic_kind TEXT NOT NULL,
    topic_id BLOB NOT NULL,
    name TEXT NOT NULL,
    actor_id BLOB,
    subject_id BLOB,
    follow TEXT,
    follower_id BLOB,
    followed_kind TEXT,
    followed_id BLOB,
    at INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (stream, position)
) STRICT, WITHOUT ROWID;
-- What is no topic keeps its place, for positions have no gaps, and concerns nobody.
INSERT INTO journal_anew
    (stream, position, topic_kind, topic_id, name, actor_id, subject_id, at, data)
SELECT stream, position, iif(id IS NULL, 'unknown', kind), coalesce(id, zeroblob(16)), name, actor_id, subject_id, at, data
FROM (
    SELECT *,
        substr(topic, 1, instr(topic, ':') - 1) AS kind,
        CASE WHEN instr(topic, ':') BETWEEN 2 AND 25 AND length(topic) = instr(topic, ':') + 36
            THEN unhex(substr(topic, -36), '-') END AS id
    FROM journal
);
-- Until now only `chat.created` made somebody follow anything.
UPDATE journal_anew SET follow = 'enter', follower_id = topic_id, followed_kind = 'chat', followed_id = subject_id
WHERE name = 'chat.created' AND topic_kind = 'user' AND subject_id IS NOT NULL;
DROP TABLE journal;
ALTER TABLE journal_anew RENAME TO journal;
-- An id belongs to one kind only, so the kind need not stand in the index.
CREATE INDEX journal_topic ON journal (topic_id, stream, position);
CREATE INDEX journal_subject ON journal (subject_id) WHERE subject_id IS NOT NULL;
CREATE INDEX journal_follower ON journal (follower_id, stream, position) WHERE follower_id IS NOT NULL;
