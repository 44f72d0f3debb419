CREATE TABLE journal_anew (
    stream INTEGER NOT NULL,
    position INTEGER NOT NULL,
    topic TEXT NOT NULL,
    name TEXT NOT NULL,
    actor_id BLOB,
    subject_id BLOB,
    at INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (stream, position)
) STRICT, WITHOUT ROWID;
INSERT INTO journal_anew (stream, position, topic, name, actor_id, subject_id, at, data)
SELECT stream, position,
    topic_kind || ':' || substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-' || substr(hex, 13, 4) || '-'
        || substr(hex, 17, 4) || '-' || substr(hex, 21),
    name, actor_id, subject_id, at, data
FROM (SELECT *, lower(hex(topic_id)) AS hex FROM journal);
DROP TABLE journal;
ALTER TABLE journal_anew RENAME TO journal;
CREATE INDEX journal_topic ON journal (topic, stream, position);
CREATE INDEX journal_subject ON journal (subject_id) WHERE subject_id IS NOT NULL;
